import { basename } from 'node:path'
import { ownVersion } from '../../own-version.ts'
import { buildTag, isPinned } from './image-reference.ts'
import { LIBTORCH_FILES, libtorchStage } from './libtorch-image.ts'
import { type DeployPlan, PORTS, STOP_SECONDS } from './plan.ts'
import { serverArguments } from './server-arguments.ts'
import { header, type WrittenFile } from './written-file.ts'

/** The oldest Node line that is tested here and still maintained. */
export const NODE_IMAGE = 'node:22-bookworm-slim'
/** As the Dockerfile names it, so that a build may take one by its digest. */
const BASE = '$NODE_IMAGE'
const SHARP = '0.35.5'
const PROGRAM = 'node_modules/tensorferry/dist/main.js'

/** Name on npm of a tarball of `npm run pack`: `tensorferry-core-0.1.0.tgz` is `@tensorferry/core`. */
function packageOf(tarball: string): string {
  const name = basename(tarball).replace(/-\d+\.\d+\.\d+[^/]*\.tgz$/, '')
  return name === 'tensorferry' ? name : name.replace('tensorferry-', '@tensorferry/')
}

/**
 * `package.json` of what serves: the program and one backend, in exact versions.
 *
 * @param tarballs - of packages that are not on npm; they lie in `packages/`
 */
export function packageJson({ name, backend }: DeployPlan, tarballs: readonly string[]): WrittenFile {
  const version = ownVersion()
  const wanted = ['tensorferry', '@tensorferry/core', '@tensorferry/server', backend.package]
  const given = Object.fromEntries(tarballs.map((path) => [packageOf(path), `file:packages/${basename(path)}`]))
  const dependencies = {
    ...Object.fromEntries(wanted.map((one) => [one, given[one] ?? version])),
    // Dependencies among the tarballs are found beside each other.
    ...Object.fromEntries(Object.entries(given).filter(([one]) => !one.startsWith('@tensorferry/backend-'))),
    sharp: SHARP,
  }
  const content = { name: `${name}-server`, private: true, type: 'module', dependencies }
  return { path: 'package.json', content: `${JSON.stringify(content, null, 2)}\n` }
}

const installation = (hasTarballs: boolean): string => `FROM ${BASE} AS build
WORKDIR /app
# The lock file is optional: make it once with "npm install --package-lock-only", then every build has the same packages.
COPY package.json package-lock.jso[n] ./
${hasTarballs ? 'COPY packages packages\n' : ''}# Without it the install script of onnxruntime-node fetches CUDA libraries.
ENV ONNXRUNTIME_NODE_INSTALL=skip
RUN if [ -e package-lock.json ]; then npm ci --omit=dev --no-audit --no-fund; \\
    else npm install --omit=dev --no-audit --no-fund; fi \\
 && rm -rf node_modules/onnxruntime-node/bin/napi-v*/darwin node_modules/onnxruntime-node/bin/napi-v*/win32 \\
 && test -e ${PROGRAM}`

function dockerfile(plan: DeployPlan, { withModel, hasTarballs }: ImageOptions): string {
  const path = withModel ? `/models/${plan.name}` : '/mnt/models'
  const command = `[${serverArguments(plan, path)
    .map((argument) => JSON.stringify(argument))
    .join(', ')}]`
  const isLibtorch = plan.backend.name === 'libtorch'
  const title = withModel ? `${plan.model} ${plan.version} and the server` : 'the server; models are mounted'
  return `# syntax=docker/dockerfile:1
${header([
  `Image: ${title}. Runs as user 1000, writes nothing: start it with a read-only root.`,
  '',
  `docker build --tag ${buildTag(plan.image)} .`,
  `With a base that never changes: --build-arg NODE_IMAGE=${NODE_IMAGE}@sha256:… (docker buildx imagetools inspect tells it)`,
  `docker run --read-only --tmpfs /tmp --cap-drop ALL --publish ${PORTS.http}:${PORTS.http} ${plan.image}`,
])}
ARG NODE_IMAGE=${NODE_IMAGE}
${installation(hasTarballs)}
${isLibtorch ? `\n${libtorchStage(BASE, 'build')}\n` : ''}
FROM ${BASE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules node_modules
${isLibtorch ? `${LIBTORCH_FILES}\n` : ''}${withModel ? 'COPY models /models\n' : ''}# By number: Kubernetes cannot tell whether a name is root's.
USER 1000:1000
EXPOSE ${PORTS.http} ${PORTS.grpc}
# Not ready, answers what it has taken, ends; give it ${STOP_SECONDS} seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["node", "-e", "fetch('http://127.0.0.1:${PORTS.http}/v2/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "${PROGRAM}", "serve"]
CMD ${command}
`
}

/** How {@link imageFiles} makes its files. */
interface ImageOptions {
  /** The bundle is in the image; false: it is mounted at /mnt/models. */
  readonly withModel: boolean
  readonly hasTarballs: boolean
}

/** How the image comes to where it is pulled from. */
export function imageSteps(image: string, folder: string): readonly string[] {
  if (!isPinned(image)) {
    return [`docker build --tag ${image} ${folder}`, `docker push ${image}   (with your registry in the name: --image)`]
  }
  const tag = buildTag(image)
  return [
    `docker pull ${image}   (if it is not there: docker build --tag ${tag} ${folder}, docker push ${tag}, and its digest in --image)`,
  ]
}

/** The folder that `docker build` takes. */
export function imageFiles(
  plan: DeployPlan,
  tarballs: readonly string[],
  { withModel = true } = {},
): readonly WrittenFile[] {
  const hasTarballs = tarballs.length > 0
  const models = plan.modelFiles.map(({ path, from }) => ({ path: `models/${plan.name}/${path}`, copyOf: from }))
  return [
    { path: 'Dockerfile', content: dockerfile(plan, { withModel, hasTarballs }) },
    { path: '.dockerignore', content: 'node_modules\n*.yaml\n*.cfg\n' },
    packageJson(plan, tarballs),
    ...tarballs.map((path) => ({ path: `packages/${basename(path)}`, copyOf: path })),
    ...(withModel ? models : []),
  ]
}
