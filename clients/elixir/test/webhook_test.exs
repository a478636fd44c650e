defmodule GrocerySidecar.WebhookTest do
  use ExUnit.Case, async: true

  alias GrocerySidecar.Webhook

  # Signed by PyPI's standardwebhooks, an implementation of its own.
  @secret "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
  @body ~s({"data":{"job_id":"job_1","status":"succeeded"},"timestamp":"2026-01-17T12:12:00.250000Z","type":"job.succeeded"})
  @headers [
    {"webhook-id", "job_1.3"},
    {"webhook-timestamp", "1768651920"},
    {"webhook-signature", "v1,2ygF03+riXIttjoULAafCyN4gS/YRoDHshQOCZF55mI="}
  ]
  @now 1_768_651_920

  defp verify(changes \\ []) do
    headers = Keyword.get(changes, :headers, @headers)
    secrets = Keyword.get(changes, :secrets, @secret)
    now = Keyword.get(changes, :now, @now)
    GrocerySidecar.verify_webhook(Keyword.get(changes, :body, @body), headers, secrets, now: now)
  end

  defp with_header(name, value), do: List.keyreplace(@headers, name, 0, {name, value})

  test "a call of the service is verified" do
    assert {:ok, %Webhook{id: "job_1.3", type: "job.succeeded"} = event} = verify()
    assert %{data: %{"job_id" => "job_1"}, timestamp: ~U[2026-01-17 12:12:00.250000Z]} = event
    lists = for {name, value} <- @headers, into: %{}, do: {String.upcase(name), [value]}
    assert {:ok, _} = verify(headers: lists)
  end

  test "one of several secrets is enough" do
    other = "whsec_" <> Base.encode64(:binary.copy("x", 32))
    assert {:ok, _} = verify(secrets: [other, @secret])
    assert {:error, :bad_signature} = verify(secrets: [other])
    assert {:error, :bad_signature} = verify(secrets: [])
  end

  test "one of several signatures is enough" do
    {_, signature} = List.keyfind(@headers, "webhook-signature", 0)
    both = with_header("webhook-signature", "v1,AAAA v2,% v1a,#{signature} " <> signature)
    assert {:ok, _} = verify(headers: both)
  end

  test "what was changed, or is old, is refused" do
    assert {:error, :bad_signature} = verify(body: @body <> " ")
    assert {:error, :bad_signature} = verify(headers: with_header("webhook-id", "job_2.1"))
    assert {:error, :bad_signature} = verify(headers: with_header("webhook-signature", "v1,AA"))
    assert {:error, :bad_timestamp} = verify(headers: with_header("webhook-timestamp", "soon"))
    assert {:error, :missing_header} = verify(headers: tl(@headers))
    assert {:ok, _} = verify(now: @now + 300)
    assert {:error, :expired} = verify(now: @now + 301)
    assert {:error, :expired} = verify(now: @now - 301)
  end

  test "a secret that is none is a fault of the program" do
    for secret <- ["secret", "whsec_%"] do
      error = assert_raise ArgumentError, fn -> verify(secrets: secret) end
      refute error.message =~ "%"
    end
  end
end
