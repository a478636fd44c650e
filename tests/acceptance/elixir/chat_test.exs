# Chat as an Elixir application uses it: whole, streamed, and with an answer that follows a schema.
# Run with AI_SERVICE_URL in the environment.

Code.require_file("service.exs", __DIR__)
ExUnit.start()

defmodule ChatTest do
  use ExUnit.Case

  @path "/v1/chat/completions"
  @tenant [{"x-tenant-id", "elixir"}]
  @question ~s("messages": [{"role": "user", "content": "What is the capital of France?"}])

  test "a question is answered" do
    {200, _, body} =
      Service.post(@path, ~s({#{@question}, "max_tokens": 20, "temperature": 0}), @tenant)

    [choice] = body["choices"]
    assert choice["message"]["content"] =~ "Paris"
    assert body["usage"]["completion_tokens"] > 0
  end

  test "a stream comes in chunks and ends with DONE" do
    url = String.to_charlist(System.fetch_env!("AI_SERVICE_URL") <> @path)
    body = ~s({#{@question}, "max_tokens": 20, "temperature": 0, "stream": true})
    request = {url, [{~c"x-tenant-id", ~c"elixir"}], ~c"application/json", body}
    {:ok, id} = :httpc.request(:post, request, [], sync: false, stream: :self)
    events = pieces(id, []) |> Enum.join() |> String.split("\n\n", trim: true)
    {["data: [DONE]"], chunks} = events |> Enum.reverse() |> Enum.split(1)
    assert length(chunks) > 3

    text =
      for "data: " <> json <- Enum.reverse(chunks), into: "" do
        [choice] = Json.decode!(json)["choices"]
        choice["delta"]["content"] || ""
      end

    assert text =~ "Paris"
  end

  test "an answer follows its schema" do
    schema = ~s({"type": "object", "additionalProperties": false, "required": ["city"],
      "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}}})

    {200, _, body} =
      Service.post(
        @path,
        ~s({#{@question}, "response_format": {"type": "json_schema",
          "json_schema": {"name": "answer", "schema": #{schema}}}}),
        @tenant
      )

    [choice] = body["choices"]
    assert Json.decode!(choice["message"]["content"])["city"] in ["Paris", "Rome"]
  end

  test "an error has OpenAI's shape" do
    {400, _, body} = Service.post(@path, ~s({#{@question}}))
    assert body["error"]["code"] == "missing_tenant"
    assert is_binary(body["error"]["message"])
  end

  defp pieces(id, heard) do
    receive do
      {:http, {^id, :stream_start, _}} -> pieces(id, heard)
      {:http, {^id, :stream, piece}} -> pieces(id, [piece | heard])
      {:http, {^id, :stream_end, _}} -> Enum.reverse(heard)
    after
      60_000 -> flunk("the stream stopped")
    end
  end
end
