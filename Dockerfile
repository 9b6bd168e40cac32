# One image for every worker and for the command line. Debian, since Temporal's native core has no build for Alpine.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN node scripts/build.js && node -e "import('/app/dist/cli/workflow-bundle.js').then((m) => m.workflowBundle())"

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production REIGNITE_HOME=/home/node/reignite
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY --from=build /app/dist dist
COPY bin bin
COPY config/profiles config/profiles
COPY toolkit/report/page/static toolkit/report/page/static
COPY workflows/reproduce.ts workflows/reproduce.ts
COPY data/sample data/sample
RUN mkdir -p /home/node/reignite /srv/reignite/data /srv/reignite/results && chown -R node:node /home/node/reignite /srv/reignite
USER node
WORKDIR /srv/reignite
ENTRYPOINT ["node", "/app/bin/reignite.js"]
CMD ["--help"]
