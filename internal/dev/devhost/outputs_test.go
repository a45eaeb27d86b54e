package devhost_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/dev/devhost"
)

func TestOutputMessagesConvertLikeHost(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		value, dataType string
		want            []string
	}{
		"ArrayOfStringsIsVerbatim": {
			`["{\"job\":\"b-19\"}","{\"job\":\"b-20\"}"]`, "", []string{`{"job":"b-19"}`, `{"job":"b-20"}`},
		},
		"Base64BecomesItsType": {`"abcd"`, "", []string{"System.Byte[]"}},
		"Base64UnlessBinary":   {`"abcd"`, "binary", []string{"abcd"}},
		"PlainText":            {`"hello world"`, "", []string{"hello world"}},
		"TextObjectIsIndented": {`"{\"a\":1}"`, "", []string{"{\n  \"a\": 1\n}"}},
		"ObjectIsIndented":     {`{"a":{"b":[]}}`, "", []string{"{\n  \"a\": {\n    \"b\": []\n  }\n}"}},
		"TextArrayFansOut":     {`"[1,\"x y\"]"`, "", []string{"1", "x y"}},
		"DatesAreRewritten": {
			`{"at":"2026-03-01T10:20:30.100+02:00"}`, "",
			[]string{"{\n  \"at\": \"2026-03-01T08:20:30.1+00:00\"\n}"},
		},
		"DateElement": {`["2026-03-01T10:20:30Z"]`, "", []string{"03/01/2026 10:20:30"}},
		"Number":      {`7`, "", []string{"7"}},
	} {
		var got []string
		for _, b := range devhost.OutputMessages([]byte(c.value), c.dataType) {
			got = append(got, string(b))
		}

		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOutputsAreSentOneByOne(t *testing.T) {
	t.Parallel()

	functions := testFunctions()
	functions["process_task"] = strings.Replace(
		functions["process_task"],
		`]}`,
		`,{"type":"serviceBus","direction":"out","name":"out","queueName":"more"}]}`,
		1,
	)

	var (
		mu   sync.Mutex
		sent []string
	)

	failing := false
	b := setup(t, testApp{functions: functions}, devhost.Options{
		Send: func(_ context.Context, function string, binding devhost.Binding, body []byte) error {
			mu.Lock()
			defer mu.Unlock()

			sent = append(sent, function+" "+binding.QueueName+" "+string(body))

			return nil
		},
		Faults: devhost.Faults{Send: func(_ string, index int) error {
			mu.Lock()
			defer mu.Unlock()

			if failing && index == 1 {
				return errors.New("the bus is unavailable")
			}

			return nil
		}},
	})
	b.queue.put(
		order{
			Do:   "body",
			Body: `{"outputs":{"OUT":["a b","c d"],"undeclared":["x"]},"Logs":["queued 2"],"ReturnValue":null}`,
		},
	)

	if got := next(t, b.queue.settled, "settlement"); got.how != "complete" {
		t.Errorf("got %s, want complete", got.how)
	}

	mu.Lock()
	failing = true
	mu.Unlock()
	b.queue.put(order{Do: "body", Body: `{"ReturnValue":{"out":["e f","g h"]}}`})

	if got := next(t, b.queue.settled, "settlement"); got.how != "abandon" {
		t.Errorf("got %s, want abandon", got.how)
	}

	mu.Lock()
	defer mu.Unlock()

	want := []string{"process_task more a b", "process_task more c d", "process_task more e f"}
	if diff := cmp.Diff(want, sent[:3]); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}
