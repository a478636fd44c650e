# Elixir has JSON built in since 1.18; the tests need nothing else.
defmodule Json do
  @moduledoc "Enough of RFC 8259 for the service's bodies; Elixir has JSON built in since 1.18."

  def encode!(value), do: value |> encoded() |> IO.iodata_to_binary()

  defp encoded(value) when is_map(value) do
    members = for {key, value} <- value, do: [encoded(to_string(key)), ":", encoded(value)]
    ["{", Enum.intersperse(members, ","), "}"]
  end

  defp encoded(value) when is_list(value),
    do: ["[", value |> Enum.map(&encoded/1) |> Enum.intersperse(","), "]"]

  defp encoded(value) when is_number(value) or is_boolean(value), do: to_string(value)
  defp encoded(nil), do: "null"
  defp encoded(value) when is_atom(value), do: value |> to_string() |> encoded()

  defp encoded(value) when is_binary(value),
    do: ["\"", Regex.replace(~r/["\\\x00-\x1f]/, value, &escaped/1), "\""]

  defp escaped(<<byte>>),
    do: "\\u" <> (byte |> Integer.to_string(16) |> String.pad_leading(4, "0"))

  def decode!(text) do
    {:ok, value} = decode(text)
    value
  end

  def decode(text) do
    {value, rest} = value(skip(text))
    "" = skip(rest)
    {:ok, value}
  rescue
    error in [FunctionClauseError, MatchError, KeyError, CaseClauseError] -> {:error, error}
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

  @escapes %{
    ?" => ?",
    ?\\ => ?\\,
    ?/ => ?/,
    ?b => ?\b,
    ?f => ?\f,
    ?n => ?\n,
    ?r => ?\r,
    ?t => ?\t
  }

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

unless Code.ensure_loaded?(JSON) do
  defmodule JSON do
    @moduledoc false
    defdelegate encode!(value), to: Json
    defdelegate decode(text), to: Json
  end
end
