package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"coremachine/internal/config"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefaultsHold(t *testing.T) {
	t.Parallel()

	c, err := config.Load(map[string]string{})
	if err != nil {
		t.Fatal(err)
	}

	if c.Transport != "postgres" || c.FunctionTimeout != 30*time.Minute || c.MaxRunning != 256 {
		t.Errorf("defaults are %+v", c)
	}
}

func TestTransportFollowsFromServiceBus(t *testing.T) {
	t.Parallel()

	for want, settings := range map[string][]map[string]string{
		config.TransportPostgres: {
			{},
			{"TRANSPORT": "postgres", "SERVICEBUS__fullyQualifiedNamespace": "name.servicebus.windows.net"},
		},
		config.TransportServiceBus: {
			{"SERVICEBUS__fullyQualifiedNamespace": "name.servicebus.windows.net"},
			{"SERVICEBUS": "Endpoint=sb://127.0.0.1;SharedAccessKeyName=k;SharedAccessKey=s;" +
				"UseDevelopmentEmulator=true"},
			{"TRANSPORT": "servicebus", "SERVICEBUS__fullyQualifiedNamespace": "name.servicebus.windows.net"},
		},
	} {
		for _, environ := range settings {
			c, err := config.Load(environ)
			if err != nil || c.Transport != want {
				t.Errorf("%v: got transport %q, %v, want %q", environ, c.Transport, err, want)
			}
		}
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	t.Parallel()

	_, err := config.Load(map[string]string{
		"DATABASE_CONNECTIONS": "0",
		"TRANSPORT":            "pigeon",
		"MAX_RUNNING":          "many",
		"LOG_LEVEL":            "loud",
		"RETENTION":            "-1h",
		"TASK_LOGS":            "some",
		"TRACE_URL":            "http://logs.example.com/{trace_id}",
	})
	if err == nil {
		t.Fatal("accepted")
	}

	for _, name := range []string{
		"DATABASE_CONNECTIONS", "TRANSPORT", "MAX_RUNNING", "LOG_LEVEL", "RETENTION", "TASK_LOGS", "TRACE_URL",
	} {
		if !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
}

func TestEmulatorIsForLoopbackOnly(t *testing.T) {
	t.Parallel()

	for endpoint, ok := range map[string]bool{
		"sb://127.0.0.1:5672": true, "sb://localhost": true, "sb://[::1]:1": true,
		"sb://evil.example": false, "sb://127.0.0.1.evil.example": false, "sb://10.0.0.1": false,
	} {
		_, err := config.Load(map[string]string{
			"TRANSPORT": "servicebus",
			"SERVICEBUS": "Endpoint=" + endpoint +
				";SharedAccessKeyName=k;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true",
		})
		if (err == nil) != ok {
			t.Errorf("%s: %v, want accepted: %t", endpoint, err, ok)
		}

		if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("the key is in the error: %v", err)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()

	c, err := config.Load(map[string]string{"DATABASE_URL": "postgres://u:hunter2@h/d"}) //nolint:gosec // not a secret
	if err != nil {
		t.Fatal(err)
	}

	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c.DatabaseURL)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("a secret is printed: %s", text)
		}
	}
}

func TestDocIsGenerated(t *testing.T) {
	t.Parallel()

	const file = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(file, []byte(config.Markdown()), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	if string(got) != config.Markdown() {
		t.Errorf("%s differs from internal/config: run go test ./internal/config -update", file)
	}

	for _, f := range config.Fields() {
		if f.Env == "" || f.Doc == "" {
			t.Errorf("%s has no env or doc tag", f.Go)
		}
	}
}

func TestAnOpenAPINeedsKeys(t *testing.T) {
	t.Parallel()

	const key = "0123456789abcdef"
	for _, c := range []struct {
		address, keys string
		ok            bool
	}{
		{"127.0.0.1:8080", "", true},
		{"[::1]:8080", "", true},
		{"localhost:8080", "", true},
		{"0.0.0.0:8080", "", false},
		{":8080", "", false},
		{"10.0.0.1:80", " , ", false},
		{"0.0.0.0:8080", "short", false},
		{"0.0.0.0:8080", key + ", " + key, true},
		{"nonsense", key, false},
	} {
		_, err := config.Load(map[string]string{"HTTP_ADDRESS": c.address, "API_KEYS": c.keys})
		if (err == nil) != c.ok {
			t.Errorf("HTTP_ADDRESS=%s API_KEYS=%q: %v, want accepted: %t", c.address, c.keys, err, c.ok)
		}
	}
}

func TestStorageIsNotReachedInClearText(t *testing.T) {
	t.Parallel()

	const key = ";AccountName=a;AccountKey=c2VjcmV0"
	for env, ok := range map[[2]string]bool{
		{"STORAGE", "DefaultEndpointsProtocol=https" + key + ";EndpointSuffix=core.windows.net"}:             true,
		{"STORAGE", "DefaultEndpointsProtocol=http" + key + ";BlobEndpoint=http://127.0.0.1:10000/a"}:        true,
		{"STORAGE", "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=x&sig=c2VjcmV0"}: true,
		{"STORAGE", "DefaultEndpointsProtocol=http" + key}:                                                   false,
		{"STORAGE", "BlobEndpoint=http://a.example/;SharedAccessSignature=sv=x&sig=c2VjcmV0"}:                false,
		{"STORAGE", "BlobEndpoint=HTTP://127.0.0.1.a.example/" + key}:                                        false,
		{"STORAGE__blobServiceUri", "https://a.blob.core.windows.net"}:                                       true,
		{"STORAGE__blobServiceUri", "http://a.blob.core.windows.net"}:                                        false,
		{"STORAGE__blobServiceUri", "https://a.blob.core.windows.net?sv=x&sig=c2VjcmV0"}:                     false,
		{"STORAGE__blobServiceUri", "a.blob.core.windows.net"}:                                               false,
	} {
		_, err := config.Load(map[string]string{env[0]: env[1]})
		if (err == nil) != ok {
			t.Errorf("%s=%s: %v, want accepted: %t", env[0], env[1], err, ok)
		}

		if err != nil &&
			(strings.Contains(err.Error(), "c2VjcmV0") || !strings.HasPrefix(err.Error(), env[0]+": ")) {
			t.Errorf("%s: %v", env[0], err)
		}
	}
}
