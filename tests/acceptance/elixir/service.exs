# Shared by the test scripts: the client, as `-pa` names it, of the service under test.

defmodule Called do
  @moduledoc "A client of the service under test that records its calls in the file CALLS."

  def client(options \\ []) do
    [
      base_url: System.fetch_env!("AI_SERVICE_URL"),
      tenant_id: "elixir",
      json: Json,
      on_response: &note/1
    ]
    |> Keyword.merge(options)
    |> GrocerySidecar.new()
  end

  defp note(%{method: method, path: path}) do
    [path | _query] = String.split(path, "?")
    File.write!(System.fetch_env!("CALLS"), "#{method} #{path}\n", [:append])
  end
end
