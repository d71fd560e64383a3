/** Negative when `version` is older than `other`; only major and minor count, `2.13.0+cpu` is 2.13. */
export function compareVersions(version: string, other: string): number {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map((part) => Number.parseInt(part, 10))
  return major - otherMajor || minor - otherMinor
}
