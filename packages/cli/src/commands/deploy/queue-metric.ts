/** Gauge of the server: requests that wait for a model. The autoscaler goes by it. */
export const QUEUE_METRIC = 'tensorferry_queue_requests'
