//! The MCP server: the registry's tools, the agent, prompts and resources over stdio and streamable HTTP.
