package config_test

import (
	"maps"
	"strings"
	"testing"

	"coremachine/internal/config"
)

func TestWhereTelemetryGoes(t *testing.T) {
	t.Parallel()

	const base = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, c := range map[string]struct {
		env             map[string]string
		traces, metrics string
	}{
		"Nowhere": {nil, "", ""},
		"Base": {
			map[string]string{base: "http://c:4318/"}, "http://c:4318/v1/traces", "http://c:4318/v1/metrics",
		},
		"Own": {
			map[string]string{base: "http://c:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://t/x"},
			"https://t/x", "http://c:4318/v1/metrics",
		},
		"TracesOnly": {
			map[string]string{base: "http://c:4318", "OTEL_METRICS_EXPORTER": "prometheus"},
			"http://c:4318/v1/traces", "",
		},
		"Asked": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, "http://127.0.0.1:4318/v1/traces", ""},
		"None": {map[string]string{
			base: "http://c:4318", "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none",
		}, "", ""},
		"Disabled":     {map[string]string{base: "http://c:4318", "OTEL_SDK_DISABLED": "true"}, "", ""},
		"OtherwiseRPC": {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			cfg, err := config.Load(c.env)
			if err != nil {
				t.Fatal(err)
			}

			if got := cfg.TracesURL(); got != c.traces {
				t.Errorf("traces go to %q, want %q", got, c.traces)
			}

			if got := cfg.MetricsURL(); got != c.metrics {
				t.Errorf("metrics go to %q, want %q", got, c.metrics)
			}
		})
	}
}

func TestTelemetryThatCannotBe(t *testing.T) {
	t.Parallel()

	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}
	for name, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_METRICS_EXPORTER": "statsd",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "c:4318",
	} {
		one := maps.Clone(env)

		one[name] = value
		if _, err := config.Load(one); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s=%s: got %v", name, value, err)
		}
	}
}
