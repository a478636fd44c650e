# The receipt contract as the core application uses it: OTP's own HTTP client and nothing else.
# Run with AI_SERVICE_URL and SAMPLE (the path of samples/receipt.jpg) in the environment.

Code.require_file("service.exs", __DIR__)
ExUnit.start()

defmodule ReceiptTest do
  use ExUnit.Case

  @image System.fetch_env!("SAMPLE") |> File.read!() |> Base.encode64()
  @tenant "elixir"

  # The job's poll carries this header and no query.
  @poll [{"x-tenant-id", @tenant}]

  defp submit(request_id) do
    Service.post("/api/v1/jobs", ~s({"tenant_id": "#{@tenant}", "user_id": null,
      "feature": "receipt_extraction", "request_id": "#{request_id}",
      "payload": {"image_base64": "#{@image}"}}))
  end

  defp await(job_id, tries \\ 300) do
    {200, _, job} = Service.get("/api/v1/jobs/#{job_id}", @poll)

    cond do
      job["status"] in ["succeeded", "failed", "cancelled"] -> job
      tries == 0 -> flunk("still #{job["status"]}")
      true -> Process.sleep(200) && await(job_id, tries - 1)
    end
  end

  test "a receipt is submitted, polled by the header alone, and read" do
    {200, _, submitted} = submit("elixir-1")
    job = await(submitted["id"])
    assert job["status"] == "succeeded"
    read(job["output_payload"])
    {200, _, again} = submit("elixir-1")
    assert again["id"] == submitted["id"]
  end

  test "a receipt is read while the caller waits" do
    {200, headers, body} =
      Service.post(
        "/api/v1/extract-receipt",
        ~s({"request_id": "elixir-2", "tenant_id": "#{@tenant}", "user_id": null,
          "feature": "receipt_extraction", "payload": {"image_base64": "#{@image}"}}),
        [{"x-request-id", "elixir-2"}]
      )

    assert headers["x-request-id"] == "elixir-2"
    assert body["status"] == "success"
    assert is_binary(body["model_version"])
    assert is_number(body["processing_time_ms"])
    read(body["payload"])
  end

  test "bad input is an error with one sentence and no success status" do
    {status, _, body} =
      Service.post(
        "/api/v1/extract-receipt",
        ~s({"tenant_id": "#{@tenant}", "payload": {"image_base64": "bWlsaw=="}})
      )

    assert status == 400
    assert body["status"] == "error"
    assert body["code"] == "unsupported_image"
    assert is_binary(body["error"])
    assert body["retryable"] == false
  end

  test "another tenant's job is not there" do
    {200, _, job} = submit("elixir-3")
    assert {404, _, _} = Service.get("/api/v1/jobs/#{job["id"]}", [{"x-tenant-id", "other"}])
  end

  test "health is as the client's own contract has it" do
    {200, _, ready} = Service.get("/health/ready", [])
    assert ready["status"] in ["ok", "degraded", "error"]
    assert Map.has_key?(ready["checks"], "database")
    assert is_binary(ready["version"])
  end

  # As the core application reads an extraction.
  defp read(payload) do
    merchant = payload["merchant"]
    assert is_binary(merchant) or is_binary(merchant["name"])
    assert {:ok, _} = Date.from_iso8601(payload["date"])
    assert is_number(payload["total"]) or is_map(payload["total"])
    assert is_number(payload["overall_confidence"])
    assert is_binary(payload["raw_ocr_text"])

    lines = payload["line_items"] || payload["items"]
    assert lines != []

    for line <- lines do
      assert is_binary(line["raw_text"] || line["name"])
      assert is_number(line["quantity"])
      assert is_number(line["confidence"])
      %{"amount" => amount, "currency" => _} = line["total_price"]
      assert {_, ""} = Float.parse(amount)
    end

    for item <- payload["items"] do
      {total, ""} = Float.parse(item["total_price"]["amount"])
      assert_in_delta item["price"] * item["quantity"], total, 0.011
    end
  end
end
