defmodule MyApp.Sidecar do
  @moduledoc """
  The side-car, as `config/runtime.exs` says:

      config :my_app, MyApp.Sidecar,
        base_url: System.fetch_env!("AI_SERVICE_URL"),
        token: System.get_env("AI_SERVICE_TOKEN"),
        webhook_secrets: String.split(System.fetch_env!("SIDECAR_WEBHOOK_SECRET"), ",")

  and `config/test.exs`: `config :my_app, MyApp.Sidecar, base_url: "http://sidecar.test", transport:
  {GrocerySidecar.Transport.Req, plug: {Req.Test, MyApp.Sidecar}}, webhook_secrets: []`
  """

  @spec client(String.t()) :: GrocerySidecar.t()
  def client(tenant_id) do
    config()
    |> Keyword.delete(:webhook_secrets)
    |> Keyword.put(:tenant_id, tenant_id)
    |> GrocerySidecar.new()
  end

  @spec webhook_secrets() :: [String.t()]
  def webhook_secrets, do: Keyword.fetch!(config(), :webhook_secrets)

  defp config, do: Application.fetch_env!(:my_app, __MODULE__)
end
