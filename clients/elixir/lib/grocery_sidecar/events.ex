defmodule GrocerySidecar.Events do
  @moduledoc false
  # Splits pieces of a body into lines and server-sent events (HTML Living Standard, section 9.2).

  @doc false
  @spec lines(binary(), binary()) :: {[binary()], binary()}
  def lines(rest, piece) do
    {lines, [rest]} = (rest <> piece) |> String.split("\n") |> Enum.split(-1)
    {Enum.map(lines, &String.trim_trailing(&1, "\r")), rest}
  end

  # Returns the complete events, each as `{id or nil, data}`, and the rest of the body.
  @doc false
  @spec events(binary(), binary()) :: {[{String.t() | nil, String.t()}], binary()}
  def events(rest, piece) do
    {whole, [rest]} = (rest <> piece) |> String.split(~r/\r?\n\r?\n/) |> Enum.split(-1)
    {whole |> Enum.map(&event/1) |> Enum.reject(fn {_, data} -> data == "" end), rest}
  end

  defp event(text) do
    fields = for line <- String.split(text, ~r/\r?\n/), do: field(line)
    data = for {"data", value} <- fields, do: value
    {List.keyfind(fields, "id", 0, {"id", nil}) |> elem(1), Enum.join(data, "\n")}
  end

  defp field(line) do
    case String.split(line, ":", parts: 2) do
      [name, value] -> {name, String.replace_prefix(value, " ", "")}
      [name] -> {name, ""}
    end
  end
end
