# The calls of openai_ex, and its reading of the answers; the package itself comes from Hex, which
# a machine without Internet doesn't reach. Run with AI_SERVICE_URL in the environment, and with
# EXCLUDE=chat for a service without the engine.

ExUnit.start(exclude: [System.get_env("EXCLUDE", "none") |> String.to_atom()])

defmodule OpenaiExTest do
  use ExUnit.Case

  @headers [{~c"authorization", ~c"Bearer none"}, {~c"x-tenant-id", ~c"elixir"}]
  @question [%{role: "user", content: "What is the capital of France?"}]

  test "models are listed and found" do
    {200, %{"object" => "list", "data" => [_ | _] = models}} = get("/models")
    %{"id" => id} = List.last(models)
    assert {200, %{"id" => ^id, "object" => "model", "created" => created}} = get("/models/#{id}")
    assert is_integer(created)
  end

  test "one text and several are embedded" do
    {200, %{"data" => models}} = get("/models")
    model = List.last(models)["id"]

    assert {200, %{"object" => "list", "data" => [%{"index" => 0, "embedding" => [number | _]}]}} =
             post("/embeddings", %{model: model, input: "oat milk"})

    assert is_float(number)

    {200, %{"data" => entries, "usage" => usage}} =
      post("/embeddings", %{model: model, input: ["oat milk", "rye bread"]})

    assert Enum.map(entries, & &1["index"]) == [0, 1]
    assert usage["total_tokens"] > 0
  end

  test "an error has a message, a type, a param and a code" do
    assert {404, %{"error" => error}} = post("/embeddings", %{model: "none", input: "milk"})

    assert %{"code" => "not_found", "param" => nil, "type" => "invalid_request_error"} = error
    assert is_binary(error["message"])
  end

  @tag :chat
  test "a question is answered" do
    assert {200, %{"choices" => [%{"message" => %{"content" => text}, "index" => 0}]}} =
             post("/chat/completions", question(%{}))

    assert text =~ "Paris"
  end

  @tag :chat
  test "a stream is one field an event, with JSON until [DONE]" do
    {200, body} = request(:post, "/chat/completions", question(%{stream: true}))
    # It splits at empty lines, and an event at its first colon.
    events = body |> String.split(~r/(\r?\n|\r){2}/, trim: true) |> Enum.map(&field/1)
    assert List.last(events) == {"data", "[DONE]"}

    said =
      for {"data", json} <- events, json != "[DONE]", reduce: "" do
        said ->
          %{"choices" => [%{"delta" => delta}]} = Json.decode!(json)
          said <> (delta["content"] || "")
      end

    assert said =~ "Paris"
  end

  defp question(more) do
    model = "smollm2-135m-instruct"
    Map.merge(%{model: model, messages: @question, max_tokens: 20, temperature: 0}, more)
  end

  defp field(event) do
    [name | rest] = String.split(event, ":", parts: 2)
    {name, rest |> Enum.join() |> String.replace_prefix(" ", "")}
  end

  defp get(path), do: decoded(request(:get, path, nil))
  defp post(path, body), do: decoded(request(:post, path, body))
  defp decoded({status, body}), do: {status, Json.decode!(body)}

  defp request(method, path, body) do
    url = String.to_charlist(System.fetch_env!("AI_SERVICE_URL") <> "/v1" <> path)
    json = body && {url, @headers, ~c"application/json", Json.encode!(body)}
    {:ok, _} = Application.ensure_all_started(:inets)

    {:ok, {{_, status, _}, _, answer}} =
      :httpc.request(method, json || {url, @headers}, [timeout: 120_000], body_format: :binary)

    {status, answer}
  end
end
