/** Codes of Node for a certificate that is not trusted. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** Codes of Node for a certificate of another name, or of another time. */
const WRONG_CERTIFICATE = new Set(['ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** Codes of Node for a certificate that was refused: nothing was sent. */
export const CERTIFICATE_CODES: ReadonlySet<string> = new Set([...UNTRUSTED, ...WRONG_CERTIFICATE])

/** What to do about a REST connection that failed with a code of Node, of its HTTP parser (`HPE_…`) or of OpenSSL. */
export function restAdvice(code: string): string {
  if (UNTRUSTED.has(code)) {
    return 'name the PEM file of the authority in NODE_EXTRA_CA_CERTS before Node starts, or pass a fetch that trusts it'
  }
  if (WRONG_CERTIFICATE.has(code)) return 'does its certificate hold for this address, and today?'
  if (code.startsWith('HPE_')) return 'does it speak HTTP? The port of gRPC is addressed as grpc:// or grpcs://'
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO') {
    return 'does it speak TLS? Without it the address begins with http://'
  }
  return 'is the server running there?'
}

/** What to do about a gRPC connection that was not made, by the words of grpc-js. */
export function grpcAdvice(details: string): string {
  if (/self[- ]signed|unable to (verify|get)/i.test(details)) {
    return 'pass the PEM text of its authority as certificateAuthority'
  }
  if (/protocol error/i.test(details)) {
    return 'does it speak gRPC? The port of HTTP is addressed as http:// or https://'
  }
  return 'is the server running there, with TLS if the address begins with grpcs:// and without if it begins with grpc://?'
}
