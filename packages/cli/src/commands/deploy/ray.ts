import { basename } from 'node:path'
import { packageJson } from './image.ts'
import type { DeployPlan } from './plan.ts'
import template from './ray-application.py'
import { header, type WrittenFile, yamlFile } from './written-file.ts'

/** What the application was run with. */
const REQUIREMENTS = 'ray[serve]==2.60.0\naiohttp>=3.10,<4\n'

/** A list as Python writes it; the model's path is below the file's own folder. */
function pythonList(model: string, name: string, others: readonly string[]): string {
  const first = `${JSON.stringify(`${model}=`)} + str(FOLDER / "models" / ${JSON.stringify(name)})`
  const items = [first, ...others.map((item) => JSON.stringify(item))]
  return `[\n${items.map((item) => `    ${item},\n`).join('')}]`
}

function application(plan: DeployPlan): string {
  const { model, name, backend, cpus } = plan
  const others = ['--host', '127.0.0.1', '--port', '0', '--json', '--backend', backend.name, '--threads', String(cpus)]
  const written = template
    .replace('ARGUMENTS: list[str] = []', () => `ARGUMENTS: list[str] = ${pythonList(model, name, others)}`)
    .replace('num_replicas=2,', `num_replicas=${plan.replicas},`)
    .replace('"num_cpus": 2', `"num_cpus": ${cpus}`)
  // Not in the docstring, which three quotes would end.
  return `${header([`${model} ${plan.version}`])}\n${written}`
}

function serveConfig({ name, replicas, maxReplicas }: DeployPlan): WrittenFile {
  const scaling = {
    min_replicas: replicas,
    max_replicas: maxReplicas,
    target_ongoing_requests: 8,
    upscale_delay_s: 10,
    downscale_delay_s: 300,
  }
  return yamlFile(
    'serve-config.yaml',
    [
      `Ray Serve: where and how often ${name} runs. In the folder of application.py: serve deploy serve-config.yaml`,
      'Ray starts more replicas when more than target_ongoing_requests are in work on each, on average.',
    ],
    [
      {
        proxy_location: 'EveryNode',
        http_options: { host: '0.0.0.0', port: 8000, request_timeout_s: 60 },
        applications: [
          {
            name,
            route_prefix: '/',
            import_path: 'application:application',
            deployments: [{ name: 'Tensorferry', num_replicas: 'auto', autoscaling_config: scaling }],
          },
        ],
      },
    ],
  )
}

/** Ray Serve: an application whose replicas are servers of ours. */
export function rayFiles(plan: DeployPlan, tarballs: readonly string[]): readonly WrittenFile[] {
  return [
    { path: 'application.py', content: application(plan) },
    serveConfig(plan),
    { path: 'requirements.txt', content: REQUIREMENTS },
    packageJson(plan, tarballs),
    ...tarballs.map((path) => ({ path: `packages/${basename(path)}`, copyOf: path })),
    ...plan.modelFiles.map(({ path, from }) => ({ path: `models/${plan.name}/${path}`, copyOf: from })),
  ]
}

/** What to do with them. */
export const raySteps = ({ model }: DeployPlan, folder: string): readonly string[] => [
  `cd ${folder}   (on each machine of the cluster, under the same path)`,
  'npm install && pip install --requirement requirements.txt',
  'serve run application:application',
  `curl http://localhost:8000/v2/models/${model}`,
]
