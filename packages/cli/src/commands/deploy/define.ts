import { Argument, type Command } from 'commander'
import { parsePositive } from '../../backends/cli-options.ts'
import type { RunCommand } from '../../command-line.ts'
import type { DeployOptions } from './deploy.ts'
import { TARGETS, type Target } from './plan.ts'

const EXAMPLES = `
  compose     Dockerfile, compose.yaml, HAProxy: replicas on one machine
  kubernetes  Dockerfile, Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget
  kserve      Dockerfile of the server, ServingRuntime, InferenceService; the bundle lies in storage
  ray         Ray Serve application whose replicas are tensorferry serve

Only files are written; nothing is built, pushed or applied. The head of each file says what it is and the command that
uses it. Files that are there are not overwritten without --force.

Examples:
  $ tensorferry deploy compose ./digits
  $ tensorferry deploy kubernetes ./digits --image registry.example.org/digits:1 --replicas 3
  $ tensorferry deploy kubernetes ./digits --ingress models.example.org/digits --network-policy ingress-nginx
  $ tensorferry deploy kserve ./digits --storage-uri s3://models/digits
  $ tensorferry deploy ray ./digits --out ray/ --cpus 4`

/** Adds `deploy` to the program. */
export function defineDeploy(program: Command, runCommand: RunCommand): void {
  program
    .command('deploy')
    .description('write what Kubernetes, KServe, Ray Serve or Docker needs to serve a bundle')
    .addArgument(new Argument('<target>', 'where it will run').choices(TARGETS))
    .argument('<bundle>', 'folder of a bundle')
    .option('-o, --out <folder>', 'where to write (default: deploy/TARGET)')
    .option('--name <name>', 'of the model in addresses, and of resources (default: the bundle’s)')
    .option('--image <reference>', 'the image, with a tag or a digest (default: NAME-server:VERSION)')
    .option(
      '-b, --backend <name>',
      'backend in the image: onnx-node, onnx-web; compose, kubernetes: libtorch',
      'onnx-node',
    )
    .option('--replicas <number>', 'servers at first, and at least', parsePositive, 2)
    .option('--max-replicas <number>', 'servers at most (default: 10)', parsePositive)
    .option('--cpus <number>', 'cores of one server, and threads of its runs', parsePositive, 2)
    .option('--storage-uri <uri>', 'kserve: where the bundle lies (default: pvc://models/NAME)')
    .option('--network-policy [namespaces]', 'kubernetes, kserve: who may reach the pods; its own namespace, and these')
    .option('--pod-monitor', 'kubernetes, kserve: the Prometheus operator asks each pod for its metrics')
    .option('--ingress <host[/path]>', 'kubernetes: reachable from outside, below a path where one is given')
    .option('--ingress-class <name>', 'kubernetes: which controller (default: the cluster’s)')
    .option('--ingress-tls <secret>', 'kubernetes: Secret with the certificate of the host')
    .option('--packages <folder>', 'take the packages from tarballs of npm run pack, not from npm')
    .option('--force', 'overwrite files that are there')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((target: Target, bundle: string, options: DeployOptions) =>
      runCommand(async (context) => (await import('./deploy.ts')).deploy(target, bundle, options, context)),
    )
}
