import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { text } from "node:stream/consumers";
import { type Browser, chromium } from "playwright-core";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { until } from "../../infra/lib/until.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { freePorts } from "./free-places.ts";
import { testImage } from "./test-image.ts";

/** A container on the host's network with a browser and two proxies that end TLS, for `localhost`. */
export class Visitor {
  readonly name: string;

  /** @param prefix of its name on the engine */
  constructor(prefix: string) {
    this.name = `${prefix}-visitor`;
  }

  async start(): Promise<void> {
    const image = await testImage("visitor", "A browser and proxies, for tests");
    await dockerOutput(["run", "--detach", "--init", "--network", "host", "--name", this.name, image]);
  }

  /** The certificate of the proxies, PEM. */
  certificate(): Promise<string> {
    return dockerOutput(["exec", this.name, "cat", "/etc/tls/cert.pem"]);
  }

  /** Starts nginx with its default settings and this in its server block. */
  async nginx(port: number, snippet: string): Promise<void> {
    const server = `listen 127.0.0.1:${port} ssl; ssl_certificate /etc/tls/cert.pem; ssl_certificate_key /etc/tls/key.pem;`;
    const config = `pid /tmp/${port}.pid; events {} http { access_log off; server { ${server}\n${snippet} } }`;
    await this.#write(`/tmp/${port}.conf`, config);
    await dockerOutput(["exec", this.name, "nginx", "-c", `/tmp/${port}.conf`]);
  }

  /** Starts Caddy with this in its site's block. */
  async caddy(port: number, snippet: string): Promise<void> {
    const config = `{\nadmin off\nauto_https off\n}\nhttps://localhost:${port} {\ntls /etc/tls/cert.pem /etc/tls/key.pem\n${snippet}\n}\n`;
    await this.#write(`/tmp/${port}.caddy`, config);
    const start = ["caddy", "run", "--adapter", "caddyfile", "--config", `/tmp/${port}.caddy`];
    await dockerOutput(["exec", "--detach", this.name, ...start]);
  }

  /** Runs curl, which does not check the proxies' certificate. */
  curl(...args: string[]): Promise<string> {
    return dockerOutput(["exec", this.name, "curl", "-sSk", ...args]);
  }

  /**
   * Opens a page of another origin than the gateway's in the browser, and returns what its script gives.
   *
   * @param script of an ES module's function body, in which `Letta` is the class of Letta's own npm package
   */
  async page(script: string): Promise<unknown> {
    const given = Promise.withResolvers<string>();
    const html = `<script type="module">
      const send = (value) => fetch("/given", { method: "POST", body: JSON.stringify(value) });
      try {
        const { default: Letta } = await import("/node_modules/@letta-ai/letta-client/index.mjs");
        await send(await (async () => { ${script} })());
      } catch (error) { await send({ failed: String(error) }); }
    </script>`;
    const server = createServer(async (request, response) => {
      const path = request.url ?? "/";
      if (path === "/given") given.resolve(await text(request));
      const isModule = path.startsWith("/node_modules/@letta-ai/") && extname(path) === ".mjs";
      response.setHeader("content-type", isModule ? "text/javascript" : "text/html");
      response.end(isModule ? readFileSync(join(root, path)) : html);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
    const browser = ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", url];
    await dockerOutput(["exec", "--detach", this.name, ...browser]);
    const result = await given.promise;
    server.close().closeAllConnections();
    return JSON.parse(result);
  }

  /** Starts the browser, to be driven from here. */
  async browser(): Promise<Browser> {
    const [port] = await freePorts(1);
    const browser = ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", `--remote-debugging-port=${port}`];
    await dockerOutput(["exec", "--detach", this.name, ...browser]);
    // It takes a moment to listen.
    const connect = () => chromium.connectOverCDP(`http://127.0.0.1:${port}`).catch(() => undefined);
    return until(connect, { seconds: 60, everyMs: 200, problem: () => new Error("the browser does not start") });
  }

  async remove(): Promise<void> {
    await docker(["rm", "--force", "--volumes", this.name]);
  }

  async #write(path: string, content: string): Promise<void> {
    await dockerOutput(["exec", "--interactive", this.name, "sh", "-c", `cat > ${path}`], { input: content });
  }
}
