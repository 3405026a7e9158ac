/** What images/letta/launcher has for the Letta server; `serve.py` is what is started. */
export const serverFiles = [
  "serve.py",
  "organizations.py",
  "server_credentials.py",
  "server_database.py",
  "server_dependencies.py",
  "server_processes.py",
  "server_tools.py",
  "tool_launcher.py",
] as const;
