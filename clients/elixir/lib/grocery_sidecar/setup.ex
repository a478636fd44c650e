defmodule GrocerySidecar.Setup do
  @moduledoc false
  # Checks what a client is made of.

  @spec base_url!(term()) :: String.t()
  def base_url!(url) do
    case is_binary(url) && URI.new(url) do
      {:ok, %URI{scheme: scheme, host: host, userinfo: nil, query: nil, fragment: nil}}
      when scheme in ["http", "https"] and host not in [nil, ""] ->
        String.trim_trailing(url, "/")

      _ ->
        raise ArgumentError, ":base_url is an address such as \"http://127.0.0.1:8000\""
    end
  end

  @spec transport!(term()) :: {module(), keyword()}
  def transport!({module, options}) when is_atom(module) and is_list(options) do
    unless Code.ensure_loaded?(module) and function_exported?(module, :open, 2),
      do: raise(ArgumentError, "#{inspect(module)} is no transport, or its library is not there")

    {module, options}
  end

  def transport!(module) when is_atom(module), do: transport!({module, []})

  def transport!(other),
    do: raise(ArgumentError, ":transport is a module or {module, options}, not #{inspect(other)}")

  @spec json!() :: module()
  def json! do
    Enum.find([JSON, Jason], &Code.ensure_loaded?/1) ||
      raise ArgumentError, "neither JSON nor Jason is there: give a module as :json"
  end
end
