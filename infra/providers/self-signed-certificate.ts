import { X509Certificate } from "node:crypto";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { dockerOutput } from "../lib/docker/engine.ts";

/** Inputs of the SelfSignedCertificate resource. */
export interface SelfSignedCertificateInputs {
  /** An image that has openssl. */
  readonly image: string;
  /** IP addresses it is valid for, in addition to loopback and `localhost`. */
  readonly addresses: string[];
}

/** Both in PEM; the key is a secret. */
export interface SelfSignedCertificateOutputs {
  readonly certificate: string;
  readonly key: string;
}

const validDays = 825;
const renewDaysBefore = 30;

/** A certificate that clients must be given to trust; the first update in its last month replaces it. */
const provider = convergingProvider<SelfSignedCertificateInputs, SelfSignedCertificateOutputs>({
  id: () => "self-signed-certificate",
  isCurrent: (olds, news) => haveSame(olds, news, ["addresses"]) && !isOld(olds.certificate),
  ensure: make,
});
export default provider;

function isOld(certificate: string): boolean {
  const end = Date.parse(new X509Certificate(certificate).validTo);
  return end - Date.now() < renewDaysBefore * 86_400_000;
}

async function make({ image, addresses }: SelfSignedCertificateInputs): Promise<SelfSignedCertificateOutputs> {
  const names = ["DNS:localhost", "DNS:letta-nginx", "IP:127.0.0.1", "IP:::1", ...addresses.map((one) => `IP:${one}`)];
  const pem = await dockerOutput([
    ...["run", "--rm", "--network", "none", "--entrypoint", "openssl", image, "req", "-x509", "-nodes"],
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", String(validDays), "-subj", "/CN=letta"],
    ...["-addext", `subjectAltName=${names.join(",")}`, "-keyout", "/dev/stdout", "-out", "/dev/stdout"],
  ]);
  return { certificate: part(pem, "CERTIFICATE"), key: part(pem, "PRIVATE KEY") };
}

function part(pem: string, kind: string): string {
  const found = new RegExp(`-----BEGIN ${kind}-----[^-]+-----END ${kind}-----\n`).exec(pem)?.[0];
  if (found === undefined) throw new Error(`openssl gave no ${kind}`);
  return found;
}
