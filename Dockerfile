# One image for every worker and for the command line. Debian, since Temporal's native core has no build for Alpine.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
# A checkout made under a strict umask is readable for its owner alone, who is not the user of the image.
COPY . .
RUN chmod -R a+rX bin config toolkit workflows data
RUN node scripts/build.js && node -e "import('/app/dist/runtime/workers/workflow-bundle.js').then((m) => m.workflowBundle())"

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production REIGNITE_HOME=/home/node/reignite
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Packages hold the binaries of every platform: those of the others are 300 MB.
RUN npm ci --omit=dev && npm cache clean --force && chmod a+r package.json package-lock.json .npmrc \
  && rm -rf node_modules/onnxruntime-node/bin/napi-v*/darwin node_modules/onnxruntime-node/bin/napi-v*/win32 \
  && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
    ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -rf {} +
COPY --from=build /app/dist dist
COPY --from=build /app/bin bin
COPY --from=build /app/config/profiles config/profiles
COPY --from=build /app/toolkit/report/page/static toolkit/report/page/static
COPY --from=build /app/toolkit/predict/viewer/static toolkit/predict/viewer/static
COPY --from=build /app/workflows/reproduce.ts workflows/reproduce.ts
COPY --from=build /app/data/sample data/sample
RUN mkdir -p /home/node/reignite /home/node/.cache/reignite /srv/reignite/data /srv/reignite/results \
  && chown -R node:node /home/node/reignite /home/node/.cache /srv/reignite \
  && HOME=/home/node node -e "import('/app/dist/runtime/install-gpu.js').then((m) => m.linkProvider())"
USER node
WORKDIR /srv/reignite
ENTRYPOINT ["node", "/app/bin/reignite.js"]
CMD ["--help"]
