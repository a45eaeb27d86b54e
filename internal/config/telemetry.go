package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// defaultOTLP is the receiver where an exporter is asked for and no endpoint
// is.
const defaultOTLP = "http://127.0.0.1:4318"

// TracesURL is where spans are posted to; "" for nowhere.
func (c *Config) TracesURL() string { return c.otlp(c.TracesExporter, c.OTLPTraces, "v1/traces") }

// MetricsURL is where metrics are posted to; "" for nowhere.
func (c *Config) MetricsURL() string { return c.otlp(c.MetricsExporter, c.OTLPMetrics, "v1/metrics") }

// otlp is a signal's address, as the OpenTelemetry specification puts it
// together from the base and the signal's own.
func (c *Config) otlp(exporter, own, path string) string {
	wanted := exporter == "otlp" || exporter == "" && (own != "" || c.OTLPEndpoint != "")
	switch {
	case c.TelemetryOff || !wanted:
		return ""
	case own != "":
		return own
	case c.OTLPEndpoint != "":
		return strings.TrimSuffix(c.OTLPEndpoint, "/") + "/" + path
	}

	return defaultOTLP + "/" + path
}

func (c *Config) checkTelemetry() []error {
	var bad []error

	for name, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": c.TracesExporter, "OTEL_METRICS_EXPORTER": c.MetricsExporter,
	} {
		known := []string{"", "otlp", "none"}
		if name == "OTEL_METRICS_EXPORTER" {
			known = append(known, "prometheus")
		}

		if !slices.Contains(known, value) {
			bad = append(bad, fmt.Errorf("%s: %q is not one of %s", name, value, strings.Join(known[1:], ", ")))
		}
	}

	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.OTLPEndpoint, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.OTLPTraces,
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": c.OTLPMetrics,
	} {
		u, err := url.Parse(value)
		if value != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			bad = append(bad, fmt.Errorf("%s: is not a URL that begins with http:// or https://", name))
		}
	}

	if (c.TracesURL() != "" || c.MetricsURL() != "") && c.OTLPProtocol != "http/protobuf" {
		bad = append(
			bad,
			fmt.Errorf(
				"OTEL_EXPORTER_OTLP_PROTOCOL: %q is not supported: use http/protobuf",
				c.OTLPProtocol,
			),
		)
	}

	return bad
}
