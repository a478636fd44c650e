# What the scripts beside this one call the service with: OTP's own HTTP client and nothing else.

defmodule Json do
  @moduledoc "Enough of RFC 8259 to read the service's answers; newer Elixir has JSON built in."

  def decode!(text) do
    {value, rest} = value(skip(text))
    "" = skip(rest)
    value
  end

  defp value("{" <> rest), do: object(skip(rest), %{})
  defp value("[" <> rest), do: array(skip(rest), [])
  defp value("\"" <> rest), do: string(rest, [])
  defp value("true" <> rest), do: {true, rest}
  defp value("false" <> rest), do: {false, rest}
  defp value("null" <> rest), do: {nil, rest}

  defp value(text) do
    [number] = Regex.run(~r/^-?\d+(\.\d+)?([eE][+-]?\d+)?/, text, capture: :first)
    rest = binary_part(text, byte_size(number), byte_size(text) - byte_size(number))
    {if(number =~ ~r/[.eE]/, do: float(number), else: String.to_integer(number)), rest}
  end

  defp float(number), do: number |> Float.parse() |> elem(0)

  defp object("}" <> rest, members), do: {members, rest}

  defp object("\"" <> rest, members) do
    {key, rest} = string(rest, [])
    ":" <> rest = skip(rest)
    {value, rest} = value(skip(rest))
    members = Map.put(members, key, value)

    case skip(rest) do
      "," <> rest -> object(skip(rest), members)
      "}" <> rest -> {members, rest}
    end
  end

  defp array("]" <> rest, elements), do: {Enum.reverse(elements), rest}

  defp array(text, elements) do
    {value, rest} = value(text)

    case skip(rest) do
      "," <> rest -> array(skip(rest), [value | elements])
      "]" <> rest -> {Enum.reverse([value | elements]), rest}
    end
  end

  @escapes %{?" => ?", ?\\ => ?\\, ?/ => ?/, ?b => ?\b, ?f => ?\f, ?n => ?\n, ?r => ?\r, ?t => ?\t}

  defp string("\"" <> rest, text), do: {text |> Enum.reverse() |> IO.iodata_to_binary(), rest}

  defp string("\\u" <> <<high::binary-4, "\\u", low::binary-4, rest::binary>>, text)
       when binary_part(high, 0, 1) in ["d", "D"] do
    utf16 = Base.decode16!(high <> low, case: :mixed)
    string(rest, [:unicode.characters_to_binary(utf16, {:utf16, :big}) | text])
  end

  defp string("\\u" <> <<hex::binary-4, rest::binary>>, text),
    do: string(rest, [<<String.to_integer(hex, 16)::utf8>> | text])

  defp string(<<"\\", escape, rest::binary>>, text),
    do: string(rest, [Map.fetch!(@escapes, escape) | text])

  defp string(<<byte, rest::binary>>, text), do: string(rest, [byte | text])

  defp skip(<<blank, rest::binary>>) when blank in ~c" \t\r\n", do: skip(rest)
  defp skip(text), do: text
end

defmodule Service do
  @url System.fetch_env!("AI_SERVICE_URL")

  def get(path, headers), do: request(:get, {url(path), chars(headers)})

  def post(path, json, headers \\ []),
    do: request(:post, {url(path), chars(headers), ~c"application/json", json})

  defp request(method, request) do
    {:ok, {{_, status, _}, headers, body}} =
      :httpc.request(method, request, [timeout: 60_000], body_format: :binary)

    {status, Map.new(headers, fn {k, v} -> {to_string(k), to_string(v)} end), Json.decode!(body)}
  end

  defp url(path), do: String.to_charlist(@url <> path)
  defp chars(headers), do: Enum.map(headers, fn {k, v} -> {to_charlist(k), to_charlist(v)} end)
end

{:ok, _} = Application.ensure_all_started(:inets)
