import type { Setting } from "./options.ts";

/**
 * What `llamav serve` can be told beside the model, and those who ask a server. A part of the table in options.ts.
 */
export const serveSettings = {
  host: {
    kind: "text",
    flag: "--host",
    placeholder: "address",
    fallback: "127.0.0.1",
    help: "address to listen on; 0.0.0.0 lets other machines in",
  },
  port: {
    kind: "integer",
    flag: "--port",
    minimum: 0,
    maximum: 65_535,
    fallback: 8000,
    help: "port to listen on; 0 takes a free one",
  },
  maxRequestsPerClient: {
    kind: "integer",
    flag: "--max-requests-per-client",
    minimum: 1,
    maximum: 65_536,
    help:
      "requests that one key (without keys: one IPv4 address or IPv6 /64 network) may have at a time; else 429",
    otherwise: "as many as the server takes",
  },
  requestTimeout: {
    kind: "number",
    flag: "--request-timeout",
    placeholder: "seconds",
    minimum: 1,
    maximum: 86_400,
    help: "how long an answer may take, waiting included; then it ends with the error deadline_exceeded",
    otherwise: "as long as it takes",
  },
  livenessTimeout: {
    kind: "number",
    flag: "--liveness-timeout",
    placeholder: "seconds",
    minimum: 1,
    maximum: 86_400,
    help:
      "how long the engine may give no sign of life, which it gives between two steps, before /livez fails",
    otherwise: "30, on a CPU 600",
  },
  allowRemoteImages: {
    kind: "switch",
    flag: "--allow-remote-images",
    help: "fetch pictures that requests name by http(s) URL",
    otherwise: "only when --host is this machine itself",
  },
  allowPrivateImages: {
    kind: "switch",
    flag: "--allow-private-images",
    help: "fetch them from this machine and private networks, too",
  },
  allowedMediaDomains: {
    kind: "list",
    flag: "--allowed-media-domains",
    placeholder: "domain",
    takesCommas: true,
    help: "fetch pictures from this domain only; several with commas, or several times",
  },
  allowedHosts: {
    kind: "list",
    flag: "--allowed-hosts",
    placeholder: "name",
    takesCommas: true,
    help: "name that callers may use in the Host header; several with commas, or several times",
    otherwise: "this machine's own names where --host is this machine itself, else every name",
  },
  apiKey: {
    kind: "list",
    flag: "--api-key",
    placeholder: "key",
    help: "ask callers for this key; may be given several times. Other users of the machine can see it",
    otherwise: "nobody is asked",
  },
  apiKeyFile: {
    kind: "text",
    flag: "--api-key-file",
    placeholder: "file",
    help: "ask callers for one of the keys in this file, one per line",
  },
  clientKey: {
    kind: "list",
    flag: "--api-key",
    placeholder: "key",
    help: "key to send to the server; of several the first. Other users of the machine can see it",
    otherwise: "none",
  },
  clientKeyFile: {
    kind: "text",
    flag: "--api-key-file",
    placeholder: "file",
    help: "send the first key in this file, one per line",
  },
  publicMetrics: {
    kind: "switch",
    flag: "--public-metrics",
    help: "answer GET /metrics without a key",
  },
  corsOrigin: {
    kind: "list",
    flag: "--cors-origin",
    aliases: ["--cors-origins"],
    placeholder: "origin",
    takesCommas: true,
    help:
      "let pages of this origin use the server, such as https://chat.example; several with commas, or several times",
  },
  tlsCert: {
    kind: "text",
    flag: "--tls-cert",
    placeholder: "file",
    help: "serve https with this certificate chain in PEM; needs --tls-key",
  },
  tlsKey: {
    kind: "text",
    flag: "--tls-key",
    placeholder: "file",
    help: "private key of --tls-cert in PEM",
  },
  strict: {
    kind: "switch",
    flag: "--strict",
    help:
      "refuse requests with fields that the API does not have, instead of naming them in x-llamav-ignored",
  },
  strictOpenai: {
    kind: "switch",
    flag: "--strict-openai",
    help: "leave out of answers what the OpenAI API does not have",
  },
  logFormat: {
    kind: "choice",
    flag: "--log-format",
    placeholder: "format",
    choices: ["text", "json"],
    fallback: "text",
    help: "text for people or json for programs, one line each",
  },
  metricsCompat: {
    kind: "choice",
    flag: "--metrics-compat",
    placeholder: "names",
    choices: ["vllm", "none"],
    fallback: "vllm",
    help: "under which other names GET /metrics tells its numbers, too",
  },
  shutdownDelay: {
    kind: "number",
    flag: "--shutdown-delay",
    placeholder: "seconds",
    minimum: 0,
    maximum: 3600,
    fallback: 0,
    help: "how long requests are still taken after the server was told to stop, while /readyz says draining",
  },
  shutdownTimeout: {
    kind: "number",
    flag: "--shutdown-timeout",
    placeholder: "seconds",
    minimum: 0,
    maximum: 3600,
    fallback: 45,
    help: "how long running answers may go on after the server was told to stop",
  },
} as const satisfies Record<string, Setting>;
