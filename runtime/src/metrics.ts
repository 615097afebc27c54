/**
 * Prometheus metrics: the process itself, HTTP by route template, and what a service adds. Labels come from small fixed sets, never from input.
 * @module
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface Metrics {
  /** Times an HTTP exchange; `route` is the template (`/v1/secrets/*`), so that paths stay out. */
  observeHttp(method: string, route: string, status: number, seconds: number): void;
  counter(options: MetricOptions): Counter;
  histogram(options: MetricOptions & { readonly buckets?: readonly number[] }): Histogram;
  /** @param read - called at each scrape */
  gauge(options: MetricOptions & { readonly read?: () => number }): Gauge;
  /** The Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

const HTTP_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];

/** A registry of its own: two services in one process do not share numbers. */
export function createMetrics(service: string, version: string): Metrics {
  const register = new Registry();
  register.setDefaultLabels({ service });
  collectDefaultMetrics({ register });
  new Gauge({
    name: "milagro_build_info",
    help: "Always 1; the label says which version runs",
    labelNames: ["version"],
    registers: [register],
  }).set({ version }, 1);
  const http = new Histogram({
    name: "milagro_http_request_duration_seconds",
    help: "Duration of HTTP requests by route template",
    labelNames: ["method", "route", "status"],
    buckets: HTTP_BUCKETS,
    registers: [register],
  });
  const common = ({ name, help, labels }: MetricOptions) => ({
    name,
    help,
    labelNames: labels ?? [],
    registers: [register],
  });
  return {
    observeHttp: (method, route, status, seconds) => http.observe({ method, route, status: String(status) }, seconds),
    counter: (options) => new Counter(common(options)),
    histogram: (options) =>
      new Histogram({ ...common(options), ...(options.buckets ? { buckets: [...options.buckets] } : {}) }),
    gauge: (options) => {
      const { read } = options;
      if (!read) return new Gauge(common(options));
      return new Gauge({
        ...common(options),
        collect() {
          this.set(read());
        },
      });
    },
    text: () => register.metrics(),
    contentType: register.contentType,
  };
}
