defmodule MyAppWeb.RawBody do
  @moduledoc """
  Keeps the bytes of a webhook's body, which its signature covers. In the endpoint:

      plug Plug.Parsers,
        parsers: [:urlencoded, :multipart, :json],
        json_decoder: Jason,
        body_reader: {MyAppWeb.RawBody, :read_body, []}
  """

  @spec read_body(Plug.Conn.t(), keyword()) ::
          {:ok, binary(), Plug.Conn.t()} | {:more, binary(), Plug.Conn.t()} | {:error, term()}
  def read_body(%Plug.Conn{request_path: "/webhooks/" <> _} = conn, options) do
    with {:ok, body, conn} <- Plug.Conn.read_body(conn, options),
         do: {:ok, body, Plug.Conn.assign(conn, :raw_body, body)}
  end

  def read_body(conn, options), do: Plug.Conn.read_body(conn, options)
end

defmodule MyAppWeb.WebhookController do
  @moduledoc """
  Takes the side-car's webhooks: `post "/webhooks/sidecar", MyAppWeb.WebhookController, :create`, in a
  pipeline without CSRF protection.
  """

  use Phoenix.Controller, formats: [:json]

  @spec create(Plug.Conn.t(), map()) :: Plug.Conn.t()
  def create(conn, _params) do
    secrets = MyApp.Sidecar.webhook_secrets()

    case GrocerySidecar.verify_webhook(conn.assigns[:raw_body] || "", conn.req_headers, secrets) do
      {:ok, event} ->
        # Stored before it is answered, such as by an Oban job that is unique by event.id: a call
        # whose answer is lost comes again.
        :ok = MyApp.Receipts.handle_webhook(event)
        Plug.Conn.send_resp(conn, 204, "")

      {:error, _reason} ->
        Plug.Conn.send_resp(conn, 401, "")
    end
  end
end
