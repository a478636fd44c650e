defmodule GrocerySidecarTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias GrocerySidecar.{Error, Job, Money, Plan, Receipt, Transport.Memory}

  doctest GrocerySidecar
  doctest GrocerySidecar.Ingredients
  doctest GrocerySidecar.Money
  doctest GrocerySidecar.Transport.Memory

  @receipt %{
    "merchant" => "GREEN VALLEY MARKET",
    "date" => "2026-01-17",
    "time" => "14:32",
    "total" => 33.67,
    "currency" => "USD",
    "currency_confidence" => 0.9,
    "overall_confidence" => 0.97,
    "raw_ocr_text" => "MILK 5.49",
    "fields" => %{"total" => %{"amount" => "33.67", "currency" => "USD", "confidence" => 0.99}},
    "line_items" => [
      %{
        "parsed_name" => "MILK",
        "quantity" => 1,
        "total_price" => %{"amount" => "5.49", "currency" => "USD", "confidence" => 0.98}
      }
    ],
    "checks" => %{"items_sum" => "33.67", "matches_total" => true, "warnings" => []}
  }
  @envelope %{
    "request_id" => "r-1",
    "payload" => @receipt,
    "metadata" => %{"artifact_id" => "art_1"},
    "model_version" => "receipts-4",
    "processing_time_ms" => 1463
  }

  defp answering(answer, options \\ []) do
    [base_url: "http://sidecar.test", tenant_id: "t", transport: {Memory, answer: answer}]
    |> Keyword.merge(options)
    |> GrocerySidecar.new()
  end

  test "a receipt is a struct with exact money, dates and its origin" do
    sidecar = answering(fn _ -> {200, @envelope} end)
    assert {:ok, %Receipt{} = receipt} = GrocerySidecar.extract_receipt(sidecar, {:binary, "x"})
    assert %{merchant: "GREEN VALLEY MARKET", date: ~D[2026-01-17], time: ~T[14:32:00]} = receipt
    assert receipt.total == %Money{amount: "33.67", currency: "USD", confidence: 0.99}
    assert [%Receipt.Item{name: "MILK", quantity: 1, total_price: price}] = receipt.items
    assert to_string(price) == "5.49 USD"
    assert %{total: 0.99, overall: 0.97, merchant: nil} = receipt.confidence
    assert %{matches_total?: true, artifact_id: "art_1", processing_time_ms: 1463} = receipt
    assert receipt.raw == @receipt
  end

  test "an empty receipt is one too" do
    assert %Receipt{total: nil, date: nil, items: [], raw: %{}} = Receipt.from_payload(%{})
  end

  test "photographs of one long receipt go together" do
    test = self()

    sidecar =
      answering(fn request ->
        send(test, Memory.json(request)["payload"])
        {200, @envelope}
      end)

    pages = [{:binary, "top"}, {:binary, "bottom"}]
    assert {:ok, _} = GrocerySidecar.extract_receipt(sidecar, pages, date_order: "dmy")
    images = Enum.map(["top", "bottom"], &Base.encode64/1)
    assert_received %{"images_base64" => ^images, "options" => %{"date_order" => "dmy"}}
  end

  test "a job has its output or its error" do
    job = %{"id" => "job_1", "created_at" => "2026-01-17T12:12:00Z"}
    read = Map.merge(job, %{"feature" => "receipt_extraction", "status" => "succeeded"})

    assert %Job{status: :succeeded, output: %Receipt{}, created_at: ~U[2026-01-17 12:12:00Z]} =
             Job.from_map(Map.put(read, "output_payload", @receipt))

    failed = %{"status" => "failed", "error_code" => "invalid_image", "error_message" => "No."}
    assert %Job{error: %Error{kind: :bad_input} = error} = Job.from_map(Map.merge(job, failed))
    assert Exception.message(error) == "No."
    assert Job.ended?(Job.from_map(Map.put(job, "status", "cancelled")))
    assert %Job{status: :unknown} = Job.from_map(Map.put(job, "status", "paused"))
  end

  test "a plan is a struct" do
    meal = %{
      "date" => "2026-01-12",
      "recipe_id" => "bowl",
      "recipe_name" => "Bowl",
      "feeds" => []
    }

    purchase = %{"name" => "Rice", "quantity" => 1, "unit" => "kg", "for_recipes" => ["bowl"]}
    payload = %{"status" => "timeout", "meal_plan" => [meal], "shopping_list" => [purchase]}
    plan = Plan.from_payload(payload)
    assert %{status: :timeout, meals: [%Plan.Meal{date: ~D[2026-01-12], raw: ^meal}]} = plan
    assert [%Plan.Purchase{name: "Rice", for_recipes: ["bowl"]}] = plan.shopping_list
  end

  test "a variant with ! returns the value or raises the error" do
    body = %{"code" => "overloaded", "error" => "Try again."}

    sidecar =
      answering(fn
        %{path: "/health"} -> {200, %{"status" => "ok"}}
        _ -> {503, %{"retry-after" => "3"}, body}
      end)

    assert %{"status" => "ok"} = GrocerySidecar.health!(sidecar)

    error = catch_error(GrocerySidecar.categorize!(sidecar, "milk", ["Dairy"]))
    assert %Error{kind: :unavailable, retry_after: 3, code: "overloaded"} = error
    assert Exception.message(error) == "Try again."
    assert {:get_artifact!, 3} in GrocerySidecar.Records.__info__(:functions)
  end

  test "an unknown option raises before anything is sent" do
    sidecar = answering(fn _ -> flunk("sent") end)

    for call <- [
          &GrocerySidecar.categorize(sidecar, "milk", ["Dairy"], &1),
          &GrocerySidecar.extract_receipt(sidecar, {:binary, "x"}, &1),
          &GrocerySidecar.submit_job(sidecar, "receipt_extraction", %{}, &1),
          &GrocerySidecar.OpenAI.chat(sidecar, [], &1),
          &GrocerySidecar.OpenAI.stream_chat!(sidecar, [], &1),
          &GrocerySidecar.watch_job!(sidecar, "job_1", &1),
          &GrocerySidecar.list_jobs(sidecar, &1),
          &GrocerySidecar.health(sidecar, &1),
          &GrocerySidecar.Records.export_feedback!(sidecar, &1)
        ] do
      error = assert_raise ArgumentError, fn -> call.(tenantid: "other") end
      assert error.message =~ "unknown option :tenantid; did you mean :tenant_id?"
    end

    assert_raise ArgumentError, fn -> GrocerySidecar.health(sidecar, %{tenant_id: "t"}) end
  end

  test "a wrong image raises, without a word of what is in it" do
    for image <- ["private", {:binary, :private}, {:file, "private"}, nil, [], [{:url, "u"}]] do
      error = assert_raise ArgumentError, fn -> GrocerySidecar.receipt(image) end
      assert error.message =~ "an image is {:binary, bytes}"
    end

    refute assert_raise(ArgumentError, fn -> GrocerySidecar.receipt("private") end).message =~
             "private"
  end

  test "a client is checked when it is made" do
    for options <- [
          [base_url: "sidecar:8000"],
          [base_url: "http://user:secret@sidecar"],
          [base_url: nil],
          [base_url: "http://sidecar", transport: NoTransport],
          [base_url: "http://sidecar", transport: "otp"]
        ] do
      error = assert_raise ArgumentError, fn -> GrocerySidecar.new(options) end
      refute error.message =~ "secret"
    end
  end

  test "inspect shows no token, key or photo" do
    test = self()

    sidecar =
      answering(
        fn request ->
          send(test, request)
          {200, @envelope}
        end,
        token: "secret-token",
        tls: [password: ~c"secret-key"]
      )

    assert {:ok, _} = GrocerySidecar.extract_receipt(sidecar, {:binary, "secret-photo"})
    assert_received request
    assert {"authorization", "Bearer secret-token"} in request.headers
    refute inspect({sidecar, request}, limit: :infinity) =~ "secret"
    refute inspect({sidecar, request}, limit: :infinity) =~ Base.encode64("secret-photo")
  end

  test "a fault in on_response is logged, and the call goes on" do
    for fault <- [fn _ -> raise "no disk" end, fn _ -> throw(:no_disk) end] do
      sidecar = answering(fn _ -> {200, %{}} end, on_response: fault)

      assert capture_log(fn -> assert {:ok, %{}} = GrocerySidecar.health(sidecar) end) =~
               "on_response failed"
    end
  end

  test "a fault in a stub reaches the test" do
    sidecar = answering(fn _ -> raise "wrong request" end)
    assert_raise RuntimeError, "wrong request", fn -> GrocerySidecar.health(sidecar) end
  end

  test "a stream is lazy, and ends where it is cut" do
    test = self()
    rows = for n <- 1..3, do: ~s({"id": "fb_#{n}"}\n)

    sidecar =
      answering(fn request ->
        send(test, {:sent, request.url})
        {200, %{}, rows}
      end)

    stream = GrocerySidecar.Records.export_feedback!(sidecar, rating: "thumbs_up")
    refute_received {:sent, _}
    assert ["fb_1", "fb_2"] = stream |> Stream.map(& &1["id"]) |> Enum.take(2)
    assert_received {:sent, "http://sidecar.test/api/v1/feedback?format=jsonl&rating=thumbs_up"}
  end

  test "erasing needs a tenant" do
    sidecar = answering(fn _ -> flunk("sent") end, tenant_id: nil)
    assert_raise ArgumentError, fn -> GrocerySidecar.Records.erase_tenant(sidecar) end
  end
end
