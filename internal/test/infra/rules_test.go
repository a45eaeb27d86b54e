package infra

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

// world is what the rules read: the files of the repository below its root, and
// the resources of each set of parameters.
type world struct {
	files map[string]string
	main  []statement
	sets  []*deployment
}

// rules find mistakes in the templates. Each returns what is wrong.
var rules = map[string]func(w *world) []string{
	"names": func(w *world) (bad []string) {
		for _, d := range w.sets {
			bad = append(bad, d.problems...)
		}

		return bad
	},
	"settings":   checkSettings,
	"worker":     checkWorker,
	"runtime":    checkRuntime,
	"ready":      checkAlwaysReady,
	"queues":     checkQueues,
	"roles":      checkRoles,
	"secrets":    checkSecrets,
	"firewall":   checkFirewall,
	"database":   checkDatabase,
	"versions":   checkVersions,
	"arithmetic": checkConnections,
	"alerts":     checkAlerts,
	"azd":        checkAzd,
	"hooks":      checkHooks,
	"network":    checkNetwork,
	"sign-in":    checkSignIn,
	"workflow":   checkWorkflow,
	"pages":      checkPages,
}

// findings applies all rules, and returns each finding after the name of its
// rule.
func findings(files map[string]string) []string {
	w := newWorld(files)

	var all []string

	for name, rule := range rules {
		for _, f := range rule(w) {
			all = append(all, name+": "+f)
		}
	}

	slices.Sort(all)

	return slices.Compact(all)
}

// newWorld evaluates the templates with the parameters that change them most.
func newWorld(files map[string]string) *world {
	w := &world{files: files}
	below := map[string]string{}

	for name, content := range files {
		if path, ok := strings.CutPrefix(name, "infra/"); ok {
			below[path] = content
		}
	}

	w.main, _ = parse(files["infra/main.bicep"])

	for _, params := range []map[string]any{
		{},
		{
			"vnetEnabled": true, "zoneRedundant": true, "workerImage": "example.com/coremachine:1", "alwaysReady": 1,
			"authClientId": "app", "alertEmail": "ops@example.com", "otlpEndpoint": "https://collector.example.com",
			"blobServiceUri": "https://name.blob.core.windows.net",
		},
		{"databaseSku": "Standard_B2s", "zoneRedundant": true},
	} {
		for name, value := range map[string]string{
			"environmentName": "test", "location": "swedencentral",
			"databaseAdminId": "admin", "databaseAdminName": "ops",
		} {
			params[name] = value
		}

		w.sets = append(w.sets, deploy(below, params))
	}

	return w
}

// each calls f for the resources of a type, in every set of parameters.
func (w *world) each(typ string, f func(r *resource)) {
	for _, d := range w.sets {
		for _, r := range d.resources {
			if r.typ == typ {
				f(r)
			}
		}
	}
}

// expect reports the properties of a resource that differ from the wanted ones.
func expect(r *resource, want map[string]any) (bad []string) {
	for key, value := range want {
		if got := r.at(key); got != value {
			bad = append(bad, fmt.Sprintf("%s: %s.%s is %v, want %v", r.file, r.symbol, key, got, value))
		}
	}

	return bad
}

// one returns the findings for the resources of a type, and one if there is none.
func (w *world) one(typ string, f func(r *resource) []string) (bad []string) {
	found := false

	w.each(typ, func(r *resource) {
		found = true

		bad = append(bad, f(r)...)
	})

	if !found {
		bad = append(bad, "there is no "+typ)
	}

	return bad
}

func checkRuntime(w *world) []string {
	bad := w.one("Microsoft.Web/sites", func(r *resource) []string {
		return expect(r, map[string]any{
			"kind": "functionapp,linux",
			"properties.functionAppConfig.runtime.name":                           "custom",
			"properties.functionAppConfig.runtime.version":                        "1.0",
			"properties.httpsOnly":                                                true,
			"tags.azd-service-name":                                               "app",
			"properties.functionAppConfig.deployment.storage.authentication.type": "UserAssignedIdentity",
		})
	})

	return append(bad, w.one("Microsoft.Web/serverfarms", func(r *resource) []string {
		return expect(r, map[string]any{"sku.name": "FC1", "sku.tier": "FlexConsumption", "properties.reserved": true})
	})...)
}

func checkAlwaysReady(w *world) []string {
	names := []string{"http"}
	for _, f := range funchost.Functions {
		names = append(names, "function:"+f.Name)
	}

	return w.one("Microsoft.Web/sites", func(r *resource) (bad []string) {
		ready, _ := r.at("properties.functionAppConfig.scaleAndConcurrency.alwaysReady").([]any)
		for _, group := range ready {
			if name := text(at(group, "name")); !slices.Contains(names, name) {
				bad = append(bad, fmt.Sprintf("%s: %q is not the folder of a function", r.file, name))
			}

			if count := number(at(group, "instanceCount")); count < 2 {
				bad = append(bad, fmt.Sprintf("%s: %d instances, want 2 for zones", r.file, count))
			}
		}

		return bad
	})
}

func checkQueues(w *world) []string {
	const typ = "Microsoft.ServiceBus/namespaces/queues"

	minutes := func(d fmt.Stringer) string { return "PT" + strings.ToUpper(strings.TrimSuffix(d.String(), "0s")) }

	var names []string

	bad := w.one(typ, func(r *resource) []string {
		names = append(names, r.name())

		return expect(r, map[string]any{
			"properties.lockDuration":                        minutes(sbfake.DefaultLock),
			"properties.maxDeliveryCount":                    sbfake.DefaultMaxDeliveries,
			"properties.duplicateDetectionHistoryTimeWindow": minutes(sbfake.DefaultDuplicates),
			"properties.requiresDuplicateDetection":          true,
			"properties.requiresSession":                     nil,
			"properties.defaultMessageTimeToLive":            nil,
			"properties.deadLetteringOnMessageExpiration":    true,
		})
	})

	slices.Sort(names)

	var want []string
	for _, q := range state.Queues {
		want = append(want, q.String())
	}

	slices.Sort(want)

	if got := slices.Compact(names); !slices.Equal(got, want) {
		bad = append(bad, fmt.Sprintf("the queues are %q, want %q", got, want))
	}

	return bad
}

// allowedRoles are the built-in roles of the identity, with the resource to
// which each is limited.
var allowedRoles = map[string]string{
	"b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "storage",  // Storage Blob Data Owner
	"090c5cfd-751d-490a-894a-3ce6f1109419": "queues",   // Azure Service Bus Data Owner
	"3913510d-42f4-4e42-8a64-420c390055eb": "insights", // Monitoring Metrics Publisher
}

func checkRoles(w *world) (bad []string) {
	given := map[string]int{}

	w.each("Microsoft.Authorization/roleAssignments", func(r *resource) {
		scope, _ := r.body["scope"].(*resource)
		role := text(r.at("properties.roleDefinitionId"))
		role = role[strings.LastIndex(role, "/")+1:]

		on, known := allowedRoles[role]
		if !known {
			bad = append(bad, fmt.Sprintf("%s: role %s is not needed", r.file, role))
			return
		}

		if scope == nil || !strings.HasPrefix(scope.symbol, on) {
			bad = append(bad, fmt.Sprintf("%s: role %s is not limited to %s", r.file, role, on))
		}

		given[role]++
	})

	for role, on := range allowedRoles {
		if given[role] == 0 {
			bad = append(bad, fmt.Sprintf("nothing may use %s: role %s is not assigned", on, role))
		}
	}

	if n := len(w.sets) * len(state.Queues); given["090c5cfd-751d-490a-894a-3ce6f1109419"] != n {
		bad = append(bad, "each queue needs the role of its own")
	}

	return bad
}

// secret finds functions that read keys, and connection strings with a key.
var secret = regexp.MustCompile(`(?i)list(keys|connectionstrings|credentials|secrets)?\(|accountkey=|sharedaccesskey|` +
	`\bpassword=|pwd=|administratorloginpassword|clientsecret:|@secure`)

// secretsIn returns the lines of a file that contain one, each with its number.
var secretsIn = cached(func(content string) (found []string) {
	for n, line := range strings.Split(content, "\n") {
		if s := secret.FindString(line); s != "" {
			found = append(found, fmt.Sprintf("%d: %s", n+1, s))
		}
	}

	return found
})

func checkSecrets(w *world) (bad []string) {
	for name, content := range w.files {
		if !strings.HasPrefix(name, "infra/") {
			continue
		}

		for _, found := range secretsIn(content) {
			bad = append(bad, name+":"+found)
		}
	}

	for typ, want := range map[string]map[string]any{
		"Microsoft.Storage/storageAccounts": {
			"properties.allowSharedKeyAccess": false, "properties.allowBlobPublicAccess": false,
			"properties.minimumTlsVersion": "TLS1_2",
		},
		"Microsoft.ServiceBus/namespaces": {"properties.disableLocalAuth": true, "properties.minimumTlsVersion": "1.2"},
		"Microsoft.Insights/components":   {"properties.DisableLocalAuth": true},
		"Microsoft.DBforPostgreSQL/flexibleServers": {
			"properties.authConfig.passwordAuth": "Disabled", "properties.authConfig.activeDirectoryAuth": "Enabled",
		},
		"Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"properties.allow": false},
	} {
		bad = append(bad, w.one(typ, func(r *resource) []string { return expect(r, want) })...)
	}

	return bad
}

func checkFirewall(w *world) (bad []string) {
	w.each("Microsoft.DBforPostgreSQL/flexibleServers/firewallRules", func(r *resource) {
		if r.at("properties.startIpAddress") != "0.0.0.0" || r.at("properties.endIpAddress") != "0.0.0.0" {
			bad = append(bad, fmt.Sprintf("%s: %s admits the internet", r.file, r.symbol))
		}

		lines := strings.Split(w.files["infra/"+r.file], "\n")[:r.line-1]
		above := ""

		for i := len(lines) - 1; i >= 0 && strings.HasPrefix(lines[i], "//"); i-- {
			above = lines[i] + above
		}

		if !strings.Contains(above, "admits") || !strings.Contains(above, "other tenants") {
			bad = append(bad, fmt.Sprintf("%s: no comment says whom %s admits", r.file, r.symbol))
		}
	})

	for _, d := range w.sets {
		if d.params["vnetEnabled"] != true {
			continue
		}

		for _, r := range d.resources {
			if strings.HasSuffix(r.typ, "/firewallRules") || at(r.body, "properties.publicNetworkAccess") == "Enabled" {
				bad = append(bad, fmt.Sprintf("%s: %s is public although there is a VNet", r.file, r.symbol))
			}
		}
	}

	return bad
}
