package devhost_test

import (
	"strings"
	"testing"
	"time"

	"coremachine/internal/dev/devhost"
	"coremachine/internal/funchost"
)

// The files of the product in the source tree.
func TestReadAppOfTheProduct(t *testing.T) {
	t.Parallel()

	app, err := devhost.ReadApp("../../..", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}

	if len(app.Functions) != len(funchost.Functions) {
		t.Errorf("got %d functions, want %d", len(app.Functions), len(funchost.Functions))
	}

	if !app.Proxy || app.Prefix != "api" || app.Timeout <= 0 || app.Renewal < app.Timeout ||
		app.InitTimeout < 10*time.Second {
		t.Errorf("got %+v", app)
	}

	for _, f := range app.Functions {
		want, ok := funchost.Lookup(f.Name)
		if !ok || f.Trigger.Type != string(want.Kind) || f.Trigger.Name != want.Binding {
			t.Errorf("%s: got trigger %+v, want %+v", f.Name, f.Trigger, want)
		}
	}
}

func TestReadAppResolvesSettings(t *testing.T) {
	t.Parallel()
	root := writeApp(t, testApp{
		host: `{"customHandler":{"description":{"defaultExecutablePath":"%TOOL%",
			"arguments":["-a %A%","%UNKNOWN%"],"defaultWorkerPath":"one file","workingDirectory":"sub"},
			"port":"7301"},"functionTimeout":"-1","extensions":{"http":{"routePrefix":""}}}`,
		functions: map[string]string{
			"f": `{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"m","queueName":"%QUEUE%"}]}`,
		},
		settings: `{"Values":{"TOOL":"tool","QUEUE":"from settings","A":"from settings"}}`,
	})

	app, err := devhost.ReadApp(root, func(name string) string {
		return map[string]string{"A": "from environment"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}

	want := []string{"-a", "from", "environment", "one file"}
	if len(app.Arguments) != len(want) || app.Arguments[3] != want[3] || app.Executable != "tool" ||
		app.Port != 7301 ||
		app.Prefix != "" ||
		app.Timeout != 0 {
		t.Errorf("got %+v", app)
	}

	if got := app.Functions[0].Trigger.QueueName; got != "from settings" {
		t.Errorf("got queue %q", got)
	}
}

func TestReadAppRejectsBindingsThatNeedEnvelopes(t *testing.T) {
	t.Parallel()

	const (
		trigger = `{"type":"httpTrigger","direction":"in","name":"req"}`
		queue   = `{"type":"serviceBusTrigger","direction":"in","name":"m","queueName":"q"}`
		out     = `{"type":"http","direction":"out","name":"res"}`
		more    = `{"type":"serviceBus","direction":"out","name":"more","queueName":"q"}`
		proxy   = `,"enableProxyingHttpRequest":true`
	)

	for name, c := range map[string]struct{ mode, bindings, want string }{
		"HTTPWithoutOutput":  {proxy, trigger, "want its trigger"},
		"HTTPWithTwoOutputs": {proxy, trigger + "," + out + "," + more, "want its trigger"},
		"QueueWithOutput":    {proxy, queue + "," + more, "want its trigger"},
		"TwoInputs":          {proxy, queue + "," + trigger, "want its trigger"},
		"NeitherMode":        {"", trigger + "," + out, "enableProxyingHttpRequest"},
		"QueueNeedsNoMode":   {"", queue, ""},
	} {
		root := writeApp(t, testApp{
			host:      `{"customHandler":{"description":{"defaultExecutablePath":"handler"}` + c.mode + `}}`,
			functions: map[string]string{"f": `{"bindings":[` + c.bindings + `]}`},
		})

		_, err := devhost.ReadApp(root, func(string) string { return "" })
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
