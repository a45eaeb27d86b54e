package infra

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/config"
	"coremachine/internal/state"
)

// checkPod compares the pod with the settings of the engine, and holds it to the
// rules of a restricted namespace.
func checkPod(files map[string]string, folder string, all map[string]map[string]any) (bad []string) {
	report := func(format string, args ...any) {
		bad = append(bad, folder+": "+fmt.Sprintf(format, args...))
	}

	template := at(all["Deployment"], "spec.template")

	list, _ := at(template, "spec.containers").([]any)
	if len(list) != 1 {
		report("%d containers", len(list))
		return bad
	}

	worker := list[0]
	environ := environment(worker, all["ConfigMap"])

	known := map[string]bool{"GOMEMLIMIT": true}
	for _, f := range config.Fields() {
		known[f.Env] = true
	}

	for name := range environ {
		if !known[name] {
			report("nothing reads %s", name)
		}
	}

	cfg, err := config.Load(environ)
	if err != nil {
		report("%v", err)
	}

	if want := map[string]string{"servicebus": "servicebus", "postgres": "postgres"}[folder]; cfg.Transport != want ||
		cfg.DatabaseURL == "" {
		report("TRANSPORT is %q, DATABASE_URL is set: %t", cfg.Transport, cfg.DatabaseURL != "")
	}

	if identity := folder == "servicebus"; cfg.DatabaseEntra != identity ||
		identity && cfg.AzureCredentials != "WorkloadIdentityCredential" ||
		identity && at(template, "metadata.labels") == nil {
		report("the worker does not sign in with workload identity")
	}

	for name, value := range environ {
		if slices.Contains(secretSettings, name) || strings.Contains(value, "password=") || passwordIn(value) {
			report("%s is a secret: refer to a Secret", name)
		}
	}

	limit, memory := environ["GOMEMLIMIT"], text(at(worker, "resources.limits.memory"))
	if mebibytes(limit) == 0 || mebibytes(limit) >= mebibytes(memory) {
		report("GOMEMLIMIT %s is not below the memory, %s", limit, memory)
	}

	grace, _ := at(template, "spec.terminationGracePeriodSeconds").(int)
	if time.Duration(grace)*time.Second < cfg.DrainTimeout+10*time.Second {
		report("%d s to stop, want DRAIN_TIMEOUT and 10 s", grace)
	}

	for probe, path := range map[string]string{
		"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz",
	} {
		if at(worker, probe+".httpGet.path") != path || at(worker, probe+".httpGet.port") != "probes" {
			report("%s is not answered", probe)
		}
	}

	ports, _ := at(worker, "ports").([]any)
	if len(ports) != 1 || ":"+fmt.Sprint(at(ports[0], "containerPort")) != cfg.ProbeAddress {
		report("the port of the probes is not PROBE_ADDRESS")
	}

	if fmt.Sprint(at(worker, "args")) != "[worker]" {
		report("the arguments are %v", at(worker, "args"))
	}

	user := strconv.Itoa(number(at(template, "spec.securityContext.runAsUser")))
	if !strings.Contains(files["Dockerfile"], "USER "+user+":"+user) {
		report("the Dockerfile has another user than %s", user)
	}

	for _, rule := range []struct {
		of   any
		key  string
		want any
	}{
		{template, "spec.securityContext.runAsNonRoot", true},
		{template, "spec.securityContext.seccompProfile.type", "RuntimeDefault"},
		{worker, "securityContext.readOnlyRootFilesystem", true},
		{worker, "securityContext.allowPrivilegeEscalation", false},
	} {
		if got := at(rule.of, rule.key); got != rule.want {
			report("%s is %v, want %v", rule.key, got, rule.want)
		}
	}

	return bad
}

// secretSettings must not be in a manifest, not even as an example.
var secretSettings = []string{"API_KEYS", "CALLBACK_SECRET", "SERVICEBUS", "STORAGE"}

// passwordIn reports whether a value is an address with a password.
func passwordIn(value string) bool {
	u, err := url.Parse(value)
	if err != nil || u.User == nil {
		return false
	}

	_, set := u.User.Password()

	return set
}

// environment returns the variables of a container. A value from a secret is a
// placeholder.
func environment(container any, settings map[string]any) map[string]string {
	environ := map[string]string{}

	data, _ := settings["data"].(map[string]any)
	for name, value := range data {
		environ[name] = text(value)
	}

	variables, _ := at(container, "env").([]any)
	for _, v := range variables {
		value := at(v, "value")
		if at(v, "valueFrom.secretKeyRef.name") != nil {
			value = "postgres://secret"
		}

		environ[text(at(v, "name"))] = text(value)
	}

	return environ
}

// checkTriggers compares what KEDA looks at with the queues.
func checkTriggers(folder string, all map[string]map[string]any) (bad []string) {
	queues := map[string]bool{}
	for _, q := range state.Queues {
		queues[q.String()] = folder == "servicebus"
	}

	triggers, _ := at(all["ScaledObject"], "spec.triggers").([]any)
	for _, t := range triggers {
		if name := text(at(t, "metadata.queueName")); name != "" {
			if _, exists := queues[name]; !exists {
				bad = append(bad, fmt.Sprintf("%s: there is no queue %q", folder, name))
			}

			queues[name] = false
		}

		if at(t, "authenticationRef.name") != at(all["TriggerAuthentication"], "metadata.name") {
			bad = append(bad, folder+": a trigger does not sign in")
		}
	}

	for name, missing := range queues {
		if missing {
			bad = append(bad, fmt.Sprintf("%s: nothing scales by queue %s", folder, name))
		}
	}

	if number(at(all["ScaledObject"], "spec.minReplicaCount")) < 1 {
		bad = append(bad, folder+": without a worker nothing sweeps")
	}

	if at(all["ScaledObject"], "spec.scaleTargetRef.name") != at(all["Deployment"], "metadata.name") {
		bad = append(bad, folder+": KEDA scales another deployment")
	}

	return bad
}
