package infra

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func checkDatabase(w *world) []string {
	bad := w.one("Microsoft.DBforPostgreSQL/flexibleServers", func(r *resource) (bad []string) {
		burstable := strings.HasPrefix(text(r.at("sku.name")), "Standard_B")
		if burstable != (r.at("sku.tier") == "Burstable") {
			bad = append(bad, fmt.Sprintf("%s: size %v is not of tier %v", r.file, r.at("sku.name"), r.at("sku.tier")))
		}

		if burstable && r.at("properties.highAvailability.mode") != "Disabled" {
			bad = append(bad, r.file+": a burstable server has no high availability")
		}

		return bad
	})

	return append(bad, w.one("Microsoft.Authorization/locks", func(r *resource) []string {
		scope, _ := r.body["scope"].(*resource)
		if scope == nil || scope.symbol != "postgres" || r.at("properties.level") != "CanNotDelete" {
			return []string{r.file + ": the lock does not keep the database"}
		}

		return nil
	})...)
}

// userConnections are the limits of Azure Database for PostgreSQL, as documented
// in November 2026.
var userConnections = map[string]int{
	"Standard_B2s": 414, "Standard_D2ds_v5": 844, "Standard_D4ds_v5": 1703, "Standard_D8ds_v5": 3422,
	"Standard_D16ds_v5": 4985,
}

// checkConnections deploys each size with the parameters that use most
// connections, and adds up what all processes would open.
func checkConnections(w *world) (bad []string) {
	sizes := allowed(w.main, "databaseSku")
	if len(sizes) < 3 {
		return []string{"main.bicep: databaseSku allows no sizes"}
	}

	below := map[string]string{}

	for name, content := range w.files {
		below[strings.TrimPrefix(name, "infra/")] = content
	}

	for _, size := range sizes {
		for _, more := range []map[string]any{
			{},
			{"databaseConnections": 32, "maximumInstances": 1000},
			{"databaseConnections": 1, "maximumInstances": 1000, "instanceMemoryMB": 4096},
			{"databaseConnections": 32, "maximumInstances": 40, "workerImage": "image", "workerReplicas": 20},
			{"maximumInstances": 1000, "workerImage": "image", "workerReplicas": 20, "instanceMemoryMB": 512},
		} {
			params := map[string]any{
				"environmentName": "test", "location": "x", "databaseSku": size,
				"databaseAdminId": "a", "databaseAdminName": "b",
			}
			maps.Copy(params, more)

			for _, problem := range adds(deploy(below, params), text(size)) {
				bad = append(bad, fmt.Sprintf("%v with %v: %s", size, more, problem))
			}
		}
	}

	return bad
}

// adds compares the connections of all processes with the limit of a server.
func adds(d *deployment, size string) (bad []string) {
	var instances, memory, processes, pool int

	for _, r := range d.resources {
		switch r.typ {
		case "Microsoft.Web/sites":
			scale := r.at("properties.functionAppConfig.scaleAndConcurrency")
			instances, memory = number(at(scale, "maximumInstanceCount")), number(at(scale, "instanceMemoryMB"))
			processes += instances
		case "Microsoft.App/containerApps":
			processes += number(r.at("properties.template.scale.maxReplicas"))
		case "Microsoft.Web/sites/config":
			if r.name() == "appsettings" {
				pool, _ = strconv.Atoi(text(r.at("properties.DATABASE_CONNECTIONS")))
			}
		}
	}

	if used, limit := processes*(pool+1), userConnections[size]*8/10-20; used > limit || pool < 1 {
		bad = append(bad, fmt.Sprintf("%d processes with %d + 1 connections use %d, want at most %d",
			processes, pool, used, limit))
	}

	if instances < 40 || instances > 1000 {
		bad = append(bad, fmt.Sprintf("%d instances, Flex accepts 40 to 1,000", instances))
	}

	if instances*memory > 512000 {
		bad = append(bad, fmt.Sprintf("%d instances of %d MB exceed the quota of the region", instances, memory))
	}

	return bad
}

// allowed returns the values that a param allows.
func allowed(statements []statement, param string) []any {
	m := &module{deployment: &deployment{}}

	for _, s := range statements {
		if s.name == param && s.decorators["allowed"] != nil {
			values, _ := m.eval(s.decorators["allowed"].args[0]).([]any)
			return values
		}
	}

	return nil
}

// notInAzure are the alarms of the runbook whose conditions Azure does not see:
// they need a Prometheus or OTLP backend, which /api/metrics or OTLP feeds.
var notInAzure = []string{"attempts-fail", "telemetry-reading", "no-receiver"}

// checkAlerts compares the alerts with the alarms of the runbook, and the records
// that they look for with those that the engine writes.
func checkAlerts(w *world) (bad []string) {
	covered := map[string]bool{}

	for _, typ := range []string{"Microsoft.Insights/metricAlerts", "Microsoft.Insights/scheduledQueryRules"} {
		w.each(typ, func(r *resource) {
			_, anchor, _ := strings.Cut(text(r.at("properties.description")), "docs/operations.md#")
			covered[anchor] = true

			if !strings.Contains(w.files["docs/operations.md"], `<a id="`+anchor+`"></a>`) {
				bad = append(bad, fmt.Sprintf("%s: %s: the runbook has no entry %q", r.file, r.name(), anchor))
			}

			criteria, _ := r.at("properties.criteria.allOf").([]any)
			if len(criteria) != 1 {
				bad = append(bad, fmt.Sprintf("%s: %s has %d conditions", r.file, r.name(), len(criteria)))
				return
			}

			bad = append(bad, checkMetric(r, criteria[0])...)

			_, quoted, found := strings.Cut(text(at(criteria[0], "query")), `message has "`)
			if record := strings.TrimSuffix(quoted, `"`); found && !strings.Contains(w.files["log"], record) {
				bad = append(bad, fmt.Sprintf("%s: %s: no process logs %q", r.file, r.name(), record))
			}
		})
	}

	for _, anchor := range alarms(w.files["docs/operations.md"]) {
		if !covered[anchor] && !slices.Contains(notInAzure, anchor) {
			bad = append(bad, fmt.Sprintf("alerts.bicep: the alarm %s of the runbook has no alert", anchor))
		}
	}

	return bad
}

// alarms returns the entries of the section "Alarms" that have a condition.
func alarms(runbook string) (anchors []string) {
	_, section, _ := strings.Cut(runbook, "\n## Alarms\n")
	section, _, _ = strings.Cut(section, "\n## ")

	for entry := range strings.SplitSeq(section, `<a id="`) {
		anchor, rest, _ := strings.Cut(entry, `"></a>`)

		before, _, found := strings.Cut(rest, "- **Symptom:**")
		if found && strings.Contains(before, "coremachine_") {
			anchors = append(anchors, anchor)
		}
	}

	return anchors
}
