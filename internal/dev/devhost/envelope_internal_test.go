package devhost

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"coremachine/internal/funchost"
)

// The host must write the golden files of the handler's decoder.
const shared = "../../funchost/testdata"

const body17 = `{"job":"b-17","tries":0,"opts":{"dry":true}}`

func goldenMessage(t *testing.T) busMessage {
	t.Helper()

	return busMessage{
		body:       []byte(body17),
		deliveries: 1,
		lockToken:  new("8d2c6b1e-0f57-4c83-9b0a-7f6a3f0e9d11"),
		expires:    at(t, "2026-03-15T10:20:30.9Z"),
		enqueued:   at(t, "2026-03-01T10:20:30.123Z"),
		messageID: new(
			"m-0001",
		),
		contentType:   new("application/json"),
		sequence:      42,
		subject:       new("batch"),
		correlationID: new("run-9"),
		properties:    `{"attempt":1,"tenant":"acme"}`,
	}
}

func goldenStamp(t *testing.T) stamp {
	t.Helper()

	return stamp{
		function:  "Drain",
		at:        at(t, "2026-03-01T10:20:31.1234567Z"),
		random:    "5f0f2b0c-6c0b-4a51-8f9e-0a3a0d1c2b3e",
		namespace: "demo-ns.servicebus.windows.net",
		client:    "demo-ns.servicebus.windows.net-3b1d",
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()

	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}

	return v
}

func golden(t *testing.T, file string) string {
	t.Helper()

	raw, err := os.ReadFile(filepath.Join(shared, file))
	if err != nil {
		t.Fatal(err)
	}

	return strings.TrimSpace(string(raw))
}

func TestGoldenOne(t *testing.T) {
	t.Parallel()

	for file, binary := range map[string]bool{"one_string.json": false, "one_binary.json": true} {
		msg, got := goldenMessage(t), new(bytes.Buffer)
		writeOne(got, "msg", binary, &msg, goldenStamp(t))
		// The golden file has the injected properties in the order of the body,
		// and devhost sorts them by name. The order is not part of the
		// contract.
		if diff := cmp.Diff(decoded(t, golden(t, file)), decoded(t, got.String())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}

		if binary && got.String() != golden(t, file) {
			t.Errorf("%s: got\n%s", file, got)
		}
	}
}

func TestGoldenMany(t *testing.T) {
	t.Parallel()
	second := busMessage{
		body: []byte(
			`{"job":"b-18"}`,
		),
		deliveries: 1,
		lockToken:  new("c1a4f7d0-2f6b-4c1e-8a55-1e2d3c4b5a69"),
		sequence:   43,
		messageID:  new("m-0002"),
		enqueued:   at(t, "2026-03-01T10:20:30.456Z"),
	}
	first := goldenMessage(t)
	first.properties = `{"attempt":1}`

	for file, dataType := range map[string]string{
		"many_string.json": "string",
		"many_binary.json": "binary",
		"many_absent.json": "",
	} {
		got := new(bytes.Buffer)
		if err := writeMany(got, "msgs", dataType, []busMessage{first, second}, goldenStamp(t)); err != nil {
			t.Fatal(err)
		}

		want, have := decoded(t, golden(t, file)), decoded(t, got.String())
		if diff := cmp.Diff(want["Data"], have["Data"]); diff != "" {
			t.Errorf("%s: data (-want +got):\n%s", file, diff)
		}

		for name, value := range want["Metadata"] { // the golden files contain a part of the metadata
			if diff := cmp.Diff(value, have["Metadata"][name]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", file, name, diff)
			}
		}
	}

	if err := writeMany(
		new(bytes.Buffer),
		"msgs",
		"",
		[]busMessage{{body: []byte("plain")}},
		goldenStamp(t),
	); err == nil {
		t.Error("got no error for a body that is not JSON in a batch without dataType")
	}
}

func TestGoldenTimer(t *testing.T) {
	t.Parallel()
	by := stamp{
		function: "Tick",
		at:       at(t, "2026-03-01T10:20:00.01Z"),
		random:   "0f1b9f7e-0c51-4a35-9f0a-6f2d0c9a7b11",
	}
	got := new(bytes.Buffer)
	writeTimer(
		got,
		"tick",
		true,
		at(t, "2026-03-01T10:19:00.0021Z"),
		at(t, "2026-03-01T10:20:00Z"),
		false,
		by,
	)

	if want := golden(t, "timer.json"); got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	got.Reset()
	writeTimer(got, "tick", true, time.Time{}, by.at, true, by)

	if !strings.Contains(got.String(), `"Last":"0001-01-01T00:00:00+00:00"`) ||
		!strings.Contains(got.String(), `"IsPastDue":true`) {
		t.Errorf("got %s, want the year 1 before the first run", got)
	}

	got.Reset()
	writeTimer(got, "tick", false, by.at, by.at, false, by)

	if !strings.Contains(got.String(), `"ScheduleStatus":null`) {
		t.Errorf("got %s, want no status without a monitor", got)
	}
}

// A text body can overwrite the host's metadata, with any capitalization of
// names. A binary body cannot.
func TestTextBodiesCanOverwriteMetadata(t *testing.T) {
	t.Parallel()
	msg := goldenMessage(t)
	msg.body = []byte(
		` {"messageid":"forged","DELIVERYCOUNT":99,"flag":true,"none":null,"list":[1],"SYS":{"a":1}} `,
	)
	got := new(bytes.Buffer)
	writeOne(got, "msg", false, &msg, goldenStamp(t))

	meta := decoded(t, got.String())["Metadata"]
	for name, want := range map[string]any{
		"MessageId":     `"forged"`,
		"DeliveryCount": `"99"`,
		"flag":          `"True"`,
		"none":          nil,
		"list":          nil,
		"messageid":     nil,
	} {
		if diff := cmp.Diff(want, meta[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	got.Reset()
	writeOne(got, "msg", true, &msg, goldenStamp(t))

	if meta := decoded(t, got.String())["Metadata"]; meta["MessageId"] != `"m-0001"` ||
		meta["DeliveryCount"] != "1" {
		t.Errorf("got %v, want the host's own", meta)
	}
}

// The handler's decoder must accept every envelope, and the JSON of devhost
// must equal that of encoding/json.
func TestHandlerDecodesEnvelopes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")

		body, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}

		msg := busMessage{body: body, messageID: &text, deliveries: 3, subject: &text}
		binary := rapid.Bool().Draw(t, "binary")
		got := new(bytes.Buffer)
		writeOne(got, "message", binary, &msg, stamp{function: text, random: "r"})

		e, err := funchost.ParseEnvelope(got.Bytes(), "message")
		if err != nil || len(e.Bodies) != 1 || !bytes.Equal(e.Bodies[0], body) || e.Deliveries != 3 {
			t.Fatalf("got %q, %v; want %q\n%s", e.Bodies, err, body, got)
		}
	})
}

func decoded(t *testing.T, text string) map[string]map[string]any {
	t.Helper()

	var v map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}

	return v
}

func TestMetadataKeepsEmptyTextsAndOmitsNulls(t *testing.T) {
	t.Parallel()
	msg := goldenMessage(t)
	msg.deadLetterSource, msg.to, msg.replyToSessionID = new("dead"), new("q"), new("s-2")
	msg.sessionID, msg.partitionKey, msg.transactionKey, msg.subject = new(""), new("p"), new("t"), nil
	got := new(bytes.Buffer)
	writeOne(got, "msg", true, &msg, goldenStamp(t))
	text := got.String()
	before := -1

	for _, want := range []string{
		`"DeadLetterSource":"\"dead\""`, `"To":"\"q\""`, `"CorrelationId":"\"run-9\""`,
		`"ApplicationProperties":{`, `"UserProperties":{`,
		`"SessionId":"\"\""`, `"ReplyToSessionId":"\"s-2\""`, `"PartitionKey":"\"p\""`,
		`"TransactionPartitionKey":"\"t\""`,
	} {
		at := strings.Index(text, want)
		if at <= before {
			t.Errorf("%s is at offset %d, want it after offset %d: %s", want, at, before, text)
		}

		before = at
	}

	for _, name := range []string{"Subject", "Label", "ReplyTo"} {
		if strings.Contains(text, `"`+name+`":`) {
			t.Errorf("%s is null, but was written: %s", name, text)
		}
	}
}
