package infra

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/config"
	"coremachine/internal/funchost"
)

// where says which templates set a setting of the engine.
type where int

const (
	nowhere   where = iota // the default is right in Azure, or it is for a laptop
	always                 // the app and the worker set it
	optional               // both set it if a param of main.bicep has a value
	appOnly                // the Functions app sets it
	workerSet              // the worker sets it
)

// engineSettings has a line for each field of config.Config.
var engineSettings = map[string]where{
	"DATABASE_URL": always, "DATABASE_CONNECTIONS": always, "DATABASE_ENTRA": always, "AZURE_CLIENT_ID": always,
	"TRANSPORT": always, "SERVICEBUS__fullyQualifiedNamespace": always,
	"STORAGE__blobServiceUri": optional, "OTEL_EXPORTER_OTLP_ENDPOINT": optional,
	"OTEL_EXPORTER_OTLP_PROTOCOL": optional,
	"FUNCTION_TIMEOUT":            appOnly,
	"DRAIN_TIMEOUT":               workerSet, "PROBE_ADDRESS": workerSet,

	"AZURE_TOKEN_CREDENTIALS": nowhere,                     // IDENTITY_ENDPOINT is set in Functions and Container Apps
	"SERVICEBUS":              nowhere, "STORAGE": nowhere, // connection strings
	"RECEIVE": nowhere, "COREMACHINE_LOCAL_HOST": nowhere, "OPEN_DASHBOARD": nowhere, // for a laptop
	"MAX_RUNNING": nowhere, "MAX_UNRESPONSIVE": nowhere, "QUEUE_IN_FLIGHT": nowhere, "RETENTION": nowhere,
	"MAX_QUEUED_JOBS": nowhere, "HTTP_ADDRESS": nowhere, "API_KEYS": nowhere, "CALLBACK_HOSTS": nowhere,
	"CALLBACK_SECRET": nowhere, "LOG_LEVEL": nowhere, "LOG_FORMAT": nowhere, "TASK_LOGS": nowhere,
	"TRACE_URL": nowhere, "OTEL_SDK_DISABLED": nowhere,
	"OTEL_SERVICE_NAME": nowhere, "OTEL_TRACES_EXPORTER": nowhere, "OTEL_METRICS_EXPORTER": nowhere,
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": nowhere, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": nowhere,
}

// hostSettings are the settings that the Functions host, the platform or the Go
// runtime reads, with their values if they must have one.
var hostSettings = map[string]any{
	"AzureWebJobsStorage__accountName":          "stcoreabcdefghijklm",
	"AzureWebJobsStorage__credential":           "managedidentity",
	"AzureWebJobsStorage__clientId":             reference("identity.properties.clientId"),
	"APPLICATIONINSIGHTS_CONNECTION_STRING":     reference("insights.properties.ConnectionString"),
	"APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "ClientId=<identity.properties.clientId>;Authorization=AAD",
	"SERVICEBUS__credential":                    "managedidentity",
	"SERVICEBUS__clientId":                      reference("identity.properties.clientId"),
	"GOMEMLIMIT":                                "1228MiB",
}

// signIn is set with an app registration only.
const signIn = "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"

// forbidden are settings that Flex Consumption rejects or that break it.
var forbidden = []string{
	"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENT",
	"SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD", "WEBSITE_TIME_ZONE", "TZ", "FUNCTIONS_CLI_NATIVE_LANGUAGE",
}

// appSettings returns the settings of the Functions app.
func appSettings(d *deployment) map[string]any {
	for _, r := range d.resources {
		if r.typ == "Microsoft.Web/sites/config" && r.name() == "appsettings" {
			settings, _ := r.body["properties"].(map[string]any)
			return settings
		}
	}

	return nil
}

// workerSettings returns the environment of the container.
func workerSettings(r *resource) map[string]any {
	settings := map[string]any{}

	env, _ := at(container(r), "env").([]any)
	for _, pair := range env {
		settings[text(at(pair, "name"))] = at(pair, "value")
	}

	return settings
}

func container(r *resource) any {
	all, _ := r.at("properties.template.containers").([]any)
	if len(all) != 1 {
		return nil
	}

	return all[0]
}

func checkSettings(w *world) (bad []string) {
	for _, f := range config.Fields() {
		if _, known := engineSettings[f.Env]; !known {
			bad = append(bad, f.Env+" is new: set it in infra, or list it in engineSettings")
		}
	}

	var host struct {
		Timeout string `json:"functionTimeout"`
	}
	if err := json.Unmarshal([]byte(w.files["host.json"]), &host); err != nil {
		bad = append(bad, "host.json: "+err.Error())
	}

	for _, d := range w.sets {
		settings, everything := appSettings(d), d.params["otlpEndpoint"] != nil
		bad = append(bad, compare("app.bicep", settings, everything, appOnly)...)

		for name, want := range hostSettings {
			if got := settings[name]; got != want {
				bad = append(bad, fmt.Sprintf("app.bicep: %s is %v, want %v", name, got, want))
			}
		}

		for name := range settings {
			_, host := hostSettings[name]
			_, engine := engineSettings[name]

			if name == signIn && everything || host || engine {
				continue
			}

			bad = append(bad, fmt.Sprintf("app.bicep: nothing reads %s", name))
		}

		if !slices.Equal(hours(host.Timeout), hours(text(settings["FUNCTION_TIMEOUT"]))) {
			bad = append(bad, "app.bicep: FUNCTION_TIMEOUT is not functionTimeout of host.json, "+host.Timeout)
		}
	}

	for name, content := range w.files {
		connection := `"connection": "` + funchost.ServiceBusConnection + `"`
		if strings.Contains(content, `"serviceBusTrigger"`) && !strings.Contains(content, connection) {
			bad = append(bad, fmt.Sprintf("%s: the connection is not %s", name, funchost.ServiceBusConnection))
		}
	}

	return bad
}

// hours reads "00:30:00" or a duration of Go.
func hours(s string) []time.Duration {
	if parts := strings.Split(s, ":"); len(parts) == 3 {
		s = parts[0] + "h" + parts[1] + "m" + parts[2] + "s"
	}

	d, err := time.ParseDuration(s)
	if err != nil {
		return nil
	}

	return []time.Duration{d}
}

// compare checks the settings of the engine as the process would.
func compare(file string, settings map[string]any, everything bool, own where) (bad []string) {
	environ := map[string]string{}

	for name, value := range settings {
		environ[name] = text(value)

		_, plain := value.(string)
		_, known := value.(reference)

		if !plain && !known {
			bad = append(bad, fmt.Sprintf("%s: %s is a %T, want a string", file, name, value))
		}

		for _, f := range forbidden {
			if strings.HasPrefix(name, f) {
				bad = append(bad, fmt.Sprintf("%s: Flex does not allow %s", file, name))
			}
		}
	}

	for name, in := range engineSettings {
		_, set := settings[name]
		if want := in == always || in == own || in == optional && everything; set != want {
			bad = append(bad, fmt.Sprintf("%s: %s is set: %t, want %t", file, name, set, want))
		}
	}

	cfg, err := config.Load(environ)
	if err != nil {
		bad = append(bad, fmt.Sprintf("%s: %v", file, err))
	}

	if cfg.Transport != config.TransportServiceBus || !cfg.DatabaseEntra || cfg.AzureClientID == "" {
		bad = append(bad, file+": the process does not sign in with its identity, or does not use Service Bus")
	}

	const url = "host=<postgres.properties.fullyQualifiedDomainName> port=5432 dbname=core " +
		"user=id-core-abcdefghijklm sslmode=verify-full"
	if string(cfg.DatabaseURL) != url {
		bad = append(bad, fmt.Sprintf("%s: DATABASE_URL is %q, want %q", file, string(cfg.DatabaseURL), url))
	}

	return bad
}

func checkWorker(w *world) []string {
	return w.one("Microsoft.App/containerApps", func(r *resource) (bad []string) {
		settings := workerSettings(r)
		bad = append(compare(r.file, settings, true, workerSet), expect(r, map[string]any{
			"properties.configuration.ingress":      nil, // nothing outside calls a worker
			"properties.template.scale.maxReplicas": 10,
		})...)

		if args := fmt.Sprint(at(container(r), "args")); args != "[worker]" {
			bad = append(bad, fmt.Sprintf("%s: the arguments are %s, want [worker]", r.file, args))
		}

		drain, _ := time.ParseDuration(text(settings["DRAIN_TIMEOUT"]))
		if grace := number(r.at("properties.template.terminationGracePeriodSeconds")); grace < int(drain.Seconds())+10 {
			bad = append(bad, fmt.Sprintf("%s: %d s to stop, want DRAIN_TIMEOUT and 10 s", r.file, grace))
		}

		limit, memory := text(settings["GOMEMLIMIT"]), text(at(container(r), "resources.memory"))
		if mebibytes(limit) == 0 || mebibytes(limit) >= mebibytes(memory) {
			bad = append(bad, fmt.Sprintf("%s: GOMEMLIMIT %s is not below the memory, %s", r.file, limit, memory))
		}

		probes, _ := at(container(r), "probes").([]any)
		kinds := map[string]string{"Liveness": "/livez", "Readiness": "/readyz", "Startup": "/livez"}

		for _, p := range probes {
			port := ":" + strconv.Itoa(number(at(p, "httpGet.port")))
			if at(p, "httpGet.path") != kinds[text(at(p, "type"))] || port != settings["PROBE_ADDRESS"] {
				bad = append(bad, fmt.Sprintf("%s: the probe %v is not answered", r.file, p))
			}

			delete(kinds, text(at(p, "type")))
		}

		for kind := range kinds {
			bad = append(bad, fmt.Sprintf("%s: there is no probe %s", r.file, kind))
		}

		return append(bad, checkScale(w, r)...)
	})
}

// mebibytes reads "800MiB", "256Mi" or "2Gi".
func mebibytes(s string) int {
	n, _ := strconv.Atoi(strings.TrimRight(s, "GMiB"))
	if strings.Contains(s, "G") {
		n *= 1024
	}

	return n
}

// checkScale compares the rules that scale the worker with the queues.
func checkScale(w *world, r *resource) (bad []string) {
	queues := map[string]bool{}

	w.each("Microsoft.ServiceBus/namespaces/queues", func(q *resource) { queues[q.name()] = true })

	scale, _ := r.at("properties.template.scale.rules").([]any)
	for _, rule := range scale {
		name := text(at(rule, "custom.metadata.queueName"))
		if !queues[name] || at(rule, "custom.identity") != reference("identity.id") ||
			at(rule, "custom.metadata.namespace") != "sb-core-abcdefghijklm" {
			bad = append(bad, fmt.Sprintf("%s: the rule for queue %q cannot read it", r.file, name))
		}

		delete(queues, name)
	}

	for _, name := range slices.Sorted(maps.Keys(queues)) {
		bad = append(bad, fmt.Sprintf("%s: nothing scales by queue %s", r.file, name))
	}

	return bad
}
