/** What infra/containers/letta has for the Letta server; `serve.py` is what is started. */
export const serverFiles = ["serve.py", "organizations.py"] as const;
