# One image for every worker and for the command line. Debian, since Temporal's native core has no build for Alpine.
FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production REIGNITE_HOME=/home/node/reignite
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY bin bin
COPY cli cli
COPY workflows workflows
COPY activities activities
COPY toolkit toolkit
COPY config config
COPY data/sample data/sample
COPY client.ts worker.ts tsconfig.json ./
RUN mkdir -p /home/node/reignite /srv/reignite/data /srv/reignite/results && chown -R node:node /home/node/reignite /srv/reignite
USER node
WORKDIR /srv/reignite
ENTRYPOINT ["node", "/app/bin/reignite.js"]
CMD ["--help"]
