import {
  type Attributes,
  context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'

const tracer = trace.getTracer('@tensorferry/server')

/** A span under the one that is active here, such as a request's. */
export function startSpan(name: string, attributes: Attributes): Span {
  return tracer.startSpan(`tensorferry.${name}`, { attributes })
}

/** A span for a run that serves several requests: it belongs to none of them and links to all. */
export function startBatchSpan(attributes: Attributes, waiting: readonly Span[]): Span {
  const links: Link[] = []
  for (const span of waiting) {
    const own = span.spanContext()
    // Without a tracer every span has the same, empty context.
    if (isSpanContextValid(own)) links.push({ context: own })
  }
  return tracer.startSpan('tensorferry.batch', { attributes, links, root: true }, ROOT_CONTEXT)
}

/** A span within another. */
export function startChildSpan(name: string, parent: Span): Span {
  return tracer.startSpan(`tensorferry.${name}`, {}, trace.setSpan(context.active(), parent))
}

/** Ends a span; with an error: says which. */
export function endSpan(span: Span, error?: unknown): void {
  if (error !== undefined) {
    const code = (error as { code?: unknown } | null)?.code
    span.setStatus({ code: SpanStatusCode.ERROR, message: typeof code === 'string' ? code : 'RUNTIME_FAILED' })
  }
  span.end()
}
