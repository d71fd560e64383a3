export interface Torch {
  readonly version: string | null
  readonly cuda: string | null
}
export function pinnedTorch(requirements: string): string | null
export function installCpuTorch(
  python: string,
  version: string,
  options?: { readonly index?: string; readonly more?: readonly string[] },
): Promise<string | null>
export function torchOf(python: string): Torch | null
export function describeTorch(torch: Torch | null, reason: string | null): string
