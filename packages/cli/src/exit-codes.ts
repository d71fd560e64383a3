import { type ErrorCode, TensorferryError } from '@tensorferry/core'

/** How the program ends. Stable: a code never changes meaning. */
export const EXIT_CODES = {
  /** Everything asked for was done. */
  DONE: 0,
  /** A check failed, or some of many files did: the others are done. */
  CHECK_FAILED: 1,
  /** The command line is wrong: an unknown command or option, a missing argument, a value that does not fit. */
  USAGE: 2,
  /** The bundle or model cannot be read: it is missing, malformed, damaged, or of no known format. */
  SOURCE: 3,
  /** No backend can run it: none is installed, or none of them works here. */
  BACKEND: 4,
  /** Anything else, such as a runtime that failed or a full disk. */
  FAILED: 5,
  /** Ctrl-C. */
  INTERRUPTED: 130,
} as const

/** A value of {@link EXIT_CODES}. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES]

const BY_ERROR: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  OPTIONS_INVALID: EXIT_CODES.USAGE,
  NOT_FOUND: EXIT_CODES.SOURCE,
  BUNDLE_INVALID: EXIT_CODES.SOURCE,
  INTEGRITY_FAILED: EXIT_CODES.SOURCE,
  DOWNLOAD_FAILED: EXIT_CODES.SOURCE,
  FORMAT_UNSUPPORTED: EXIT_CODES.SOURCE,
  UNTRUSTED_CODE: EXIT_CODES.SOURCE,
  BACKEND_NOT_INSTALLED: EXIT_CODES.BACKEND,
  BACKEND_UNAVAILABLE: EXIT_CODES.BACKEND,
  BACKEND_INCOMPATIBLE: EXIT_CODES.BACKEND,
  DEPENDENCY_MISSING: EXIT_CODES.BACKEND,
  VERIFICATION_FAILED: EXIT_CODES.CHECK_FAILED,
  INPUT_INVALID: EXIT_CODES.CHECK_FAILED,
  ABORTED: EXIT_CODES.INTERRUPTED,
}

/** A port that is in use says nothing of backends. */
const isPort = ({ code, details }: TensorferryError): boolean => code === 'BACKEND_UNAVAILABLE' && 'port' in details

/** The exit code that an error stands for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!TensorferryError.is(error) || isPort(error)) return EXIT_CODES.FAILED
  return BY_ERROR[error.code] ?? EXIT_CODES.FAILED
}

/** The codes as `--help` shows them. */
export const EXIT_CODES_HELP = `Exit codes:
  0    done
  1    a check failed, or some of the files did; the others are done
  2    wrong command line
  3    the bundle or model cannot be read
  4    no backend can run it
  5    anything else
  130  interrupted`
