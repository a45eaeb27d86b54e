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

// scope names this module's instruments.
const scope = "coremachine"

// Options say where telemetry goes. What is not here, such as headers, time
// limits, samplers and intervals, the SDK reads from its standard OTEL_*
// variables.
type Options struct {
	Service  string // service.name, where OTEL_SERVICE_NAME does not say
	Version  string // service.version
	Instance string // service.instance.id
	Traces   string // URL that spans are posted to; "": no traces
	Metrics  string // URL that metrics are posted to; "": they are only read at the process
	Log      *slog.Logger
}

// Telemetry is what a process tells. A nil one tells nothing.
type Telemetry struct {
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metric.MeterProvider
	traces   *sdktrace.TracerProvider // nil: no traces
	tracer   trace.Tracer             // nil: no traces
	instruments
	complained atomic.Int64 // when a failing exporter was last told of, in Unix seconds
}

// Open makes providers and exporters. It connects to nothing: an exporter that
// cannot reach its receiver says so in the log, now and then.
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
		sdktrace.WithIDGenerator(ids{}),
	)
	t.tracer = t.traces.Tracer(scope)

	return t, nil
}

// Global makes this process's telemetry that of libraries which look for the
// global one, and sends what goes wrong inside the SDK to the log. For main
// programs only.
func (t *Telemetry) Global() {
	if t == nil {
		return
	}

	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.complain))
	otel.SetMeterProvider(t.metrics)

	if t.traces != nil {
		otel.SetTracerProvider(t.traces)
	}
}

// complain tells of what the SDK could not do, at most once a minute: an
// exporter without a receiver fails every few seconds.
func (t *Telemetry) complain(err error) {
	now, last := time.Now().Unix(), t.complained.Load()
	if now-last < 60 || !t.complained.CompareAndSwap(last, now) {
		return
	}

	t.log.Warn(
		"telemetry was not delivered; work goes on",
		keys.Error,
		strings.ReplaceAll(err.Error(), "\n", "; "),
	)
}

// Handler serves the metrics as Prometheus text.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(
		t.registry,
		promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4},
	)
}

// Close sends what is left, no longer than ctx allows.
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
