defmodule GrocerySidecar.Request do
  @moduledoc """
  What a transport sends. `inspect` shows neither its headers, which hold the token, nor its body.
  """

  @derive {Inspect, only: [:method, :url, :timeout, :stream?]}
  @enforce_keys [:method, :url, :path, :headers, :timeout, :json]
  defstruct [
    :method,
    :url,
    :path,
    :headers,
    :timeout,
    :json,
    :body,
    tls: [],
    retries: 0,
    stream?: false
  ]

  @typedoc """
  `path` is that of `url` without the base and the query, `json` the client's JSON module, `timeout` is in
  milliseconds.
  """
  @type t :: %__MODULE__{
          method: String.t(),
          url: String.t(),
          path: String.t(),
          headers: [{String.t(), String.t()}],
          json: module(),
          body: String.t() | nil,
          timeout: pos_integer(),
          tls: keyword(),
          retries: non_neg_integer(),
          stream?: boolean()
        }

  @call_options [:tenant_id, :user_id, :request_id, :traceparent, :timeout, :retries]

  @doc false
  # Splits the options into those of every call and the endpoint's own.
  @spec split_options!(keyword(), [atom()]) :: {keyword(), keyword()}
  def split_options!(options, own \\ []) do
    known!(options, @call_options ++ own)
    Keyword.split(options, @call_options)
  end

  @doc false
  @spec known!(keyword(), [atom()]) :: :ok
  def known!(options, known) do
    unless Keyword.keyword?(options),
      do: raise(ArgumentError, "options are a keyword list, not #{inspect(options)}")

    case Keyword.keys(options) -- known do
      [] ->
        :ok

      [name | _] ->
        near = Enum.max_by(known, &String.jaro_distance("#{name}", "#{&1}"))

        raise ArgumentError,
              "unknown option #{inspect(name)}; did you mean #{inspect(near)}? " <>
                "Known here: #{Enum.map_join(known, ", ", &inspect/1)}"
    end
  end

  @doc false
  @spec with_request_id(keyword()) :: keyword()
  def with_request_id(call) do
    Keyword.put_new_lazy(call, :request_id, fn ->
      "req_" <> Base.encode16(:crypto.strong_rand_bytes(16), case: :lower)
    end)
  end

  @doc false
  @spec get(GrocerySidecar.t(), String.t(), keyword(), [{atom() | String.t(), term()}]) :: t()
  def get(client, path, call, query \\ []) do
    query = for {name, value} <- query, value != nil, do: {name, value}
    new(client, "GET", path, call, query, Keyword.get(call, :retries, client.retries))
  end

  @doc false
  @spec delete(GrocerySidecar.t(), String.t(), keyword()) :: t()
  def delete(client, path, call),
    do: new(client, "DELETE", path, call, [], Keyword.get(call, :retries, client.retries))

  @doc false
  # A repeated POST repeats its work, so it is sent once unless the caller says otherwise.
  @spec post(GrocerySidecar.t(), String.t(), map(), keyword()) :: t()
  def post(client, path, body, call) do
    request = new(client, "POST", path, call, [], Keyword.get(call, :retries, 0))
    headers = [{"content-type", "application/json"} | request.headers]
    %{request | body: client.json.encode!(body), headers: headers}
  end

  defp new(client, method, path, call, query, retries) do
    query = tenant_query(client, call) ++ query

    %__MODULE__{
      method: method,
      url:
        client.base_url <> path <> if(query == [], do: "", else: "?" <> URI.encode_query(query)),
      path: path,
      headers: headers(client, with_request_id(call)),
      timeout: Keyword.get(call, :timeout, client.timeout),
      json: client.json,
      tls: client.tls,
      retries: retries
    }
  end

  defp headers(client, call) do
    wanted = [
      {"x-request-id", call[:request_id]},
      {"x-tenant-id", tenant(client, call)},
      {"traceparent", call[:traceparent]},
      {"authorization", client.token && "Bearer " <> client.token}
    ]

    Enum.filter(wanted, fn {_, value} -> value && fits_a_header?(value) end) ++ client.headers
  end

  defp tenant_query(client, call) do
    tenant = tenant(client, call)
    if tenant && not fits_a_header?(tenant), do: [{"tenant_id", tenant}], else: []
  end

  defp fits_a_header?(value), do: value =~ ~r/\A[\x21-\x7e]+( [\x21-\x7e]+)*\z/

  @doc false
  @spec tenant(GrocerySidecar.t(), keyword()) :: String.t() | nil
  def tenant(client, call), do: Keyword.get(call, :tenant_id, client.tenant_id)

  @doc false
  @spec identity(GrocerySidecar.t(), keyword()) :: map()
  def identity(client, call) do
    %{
      request_id: call[:request_id],
      tenant_id: tenant(client, call),
      user_id: call[:user_id]
    }
  end

  @doc false
  @spec segment(String.t()) :: String.t()
  def segment(id), do: URI.encode(id, &URI.char_unreserved?/1)
end
