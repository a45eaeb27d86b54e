package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"coremachine/internal/telemetry/keys"
)

// scope is the name of this module's instrumentation.
const scope = "coremachine"

// Options configures Open. The SDK reads other settings, such as headers, time
// limits, samplers and intervals, from its standard OTEL_* variables.
type Options struct {
	// Service is service.name, unless OTEL_SERVICE_NAME is set.
	Service string
	// Version is service.version.
	Version string
	// Instance is service.instance.id.
	Instance string
	// Traces is the URL to which spans are posted. Without it there are no
	// traces.
	Traces string
	// Metrics is the URL to which metrics are posted. Without it they can only
	// be read from the process.
	Metrics string
	Log     *slog.Logger
}

// Telemetry exports the traces and metrics of a process. A nil Telemetry does
// nothing.
type Telemetry struct {
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metric.MeterProvider
	traces   *sdktrace.TracerProvider // nil if traces are disabled
	tracer   trace.Tracer             // nil if traces are disabled
	instruments
	// lastLogged is when an error of the SDK was last logged, in Unix seconds.
	lastLogged atomic.Int64
}

// Open creates providers and exporters without connecting. An exporter that
// cannot reach its receiver logs that from time to time.
func Open(ctx context.Context, o Options) (*Telemetry, error) {
	t := &Telemetry{log: o.Log, registry: prometheus.NewRegistry()}

	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", o.Service), attribute.String("service.version", o.Version),
		attribute.String("service.instance.id", o.Instance),
	), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, err
	}

	t.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)

	local, err := otelprometheus.New(
		otelprometheus.WithRegisterer(t.registry),
		otelprometheus.WithoutScopeInfo(),
	)
	if err != nil {
		return nil, err
	}

	opts := []metric.Option{metric.WithResource(about), metric.WithReader(local)}

	if o.Metrics != "" {
		e, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(o.Metrics))
		if err != nil {
			return nil, err
		}

		opts = append(opts, metric.WithReader(metric.NewPeriodicReader(e)))
	}

	t.metrics = metric.NewMeterProvider(opts...)
	if t.instruments, err = newInstruments(t.metrics.Meter(scope)); err != nil {
		return nil, err
	}

	if o.Traces == "" {
		return t, nil
	}

	e, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Traces))
	if err != nil {
		return nil, err
	}

	t.traces = sdktrace.NewTracerProvider(
		sdktrace.WithResource(about),
		sdktrace.WithBatcher(e),
		sdktrace.WithIDGenerator(idGenerator{}),
	)
	t.tracer = t.traces.Tracer(scope)

	return t, nil
}

// Global registers this telemetry as the global one, for libraries that use it,
// and logs the errors of the SDK. Only main programs should call it.
func (t *Telemetry) Global() {
	if t == nil {
		return
	}

	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.logError))
	otel.SetMeterProvider(t.metrics)

	if t.traces != nil {
		otel.SetTracerProvider(t.traces)
	}
}

// logError logs an error of the SDK at most once a minute, because an exporter
// without a receiver fails every few seconds.
func (t *Telemetry) logError(err error) {
	now, last := time.Now().Unix(), t.lastLogged.Load()
	if now-last < 60 || !t.lastLogged.CompareAndSwap(last, now) {
		return
	}

	t.log.Warn(
		"telemetry export failed",
		keys.Error,
		strings.ReplaceAll(err.Error(), "\n", "; "),
	)
}

// Handler serves the metrics in Prometheus text format.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(
		t.registry,
		promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4},
	)
}

// Close exports the remaining data, until ctx ends.
func (t *Telemetry) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}

	var err error
	if t.traces != nil {
		err = t.traces.Shutdown(ctx)
	}

	return errors.Join(err, t.metrics.Shutdown(ctx))
}
