package infra

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"coremachine/internal/funchost"
)

// privateLinks are the private DNS zone and the group of each endpoint, by the
// type of the resource, as documented in November 2026.
var privateLinks = map[string]string{
	"blob":             "privatelink.blob.<environment().suffixes.storage>",
	"namespace":        "privatelink.servicebus.windows.net",
	"postgresqlServer": "privatelink.postgres.database.azure.com",
}

// checkNetwork looks at what only the platform would reject, or would not.
func checkNetwork(w *world) (bad []string) {
	bad = w.one("Microsoft.ServiceBus/namespaces", func(r *resource) []string {
		if tier := r.at("sku.name"); tier != "Standard" && tier != "Premium" { // Basic detects no duplicates
			return []string{fmt.Sprintf("%s: %s.sku.name is %v", r.file, r.symbol, tier)}
		}

		return nil
	})

	for _, d := range w.sets {
		if d.params["vnetEnabled"] != true {
			continue
		}

		for _, r := range d.resources {
			switch r.typ {
			case "Microsoft.DBforPostgreSQL/flexibleServers":
				bad = append(bad, expect(r, map[string]any{"properties.network.publicNetworkAccess": "Disabled"})...)
			case "Microsoft.Storage/storageAccounts":
				bad = append(bad, expect(r, map[string]any{"properties.networkAcls.defaultAction": "Deny"})...)
			case "Microsoft.Network/virtualNetworks":
				bad = append(bad, checkSubnets(r)...)
			}
		}

		bad = append(bad, checkEndpoints(d)...)
	}

	return bad
}

// checkSubnets looks for the delegations of Flex Consumption and Container Apps.
func checkSubnets(r *resource) (bad []string) {
	subnets, _ := r.at("properties.subnets").([]any)
	for _, s := range subnets {
		name := text(at(s, "name"))

		delegations, _ := at(s, "properties.delegations").([]any)
		if name == "endpoints" && len(delegations) == 0 {
			continue
		}

		if len(delegations) != 1 || at(delegations[0], "properties.serviceName") != "Microsoft.App/environments" {
			bad = append(bad, fmt.Sprintf("%s: subnet %s is not delegated to Microsoft.App/environments", r.file, name))
		}
	}

	return bad
}

// checkEndpoints compares the groups of the endpoints with the DNS zones.
func checkEndpoints(d *deployment) (bad []string) {
	missing := maps.Clone(privateLinks)
	zones := map[string]bool{}

	for _, r := range d.resources {
		switch r.typ {
		case "Microsoft.Network/privateDnsZones":
			zones[r.name()] = true
		case "Microsoft.Network/privateEndpoints":
			links, _ := r.at("properties.privateLinkServiceConnections").([]any)
			for _, link := range links {
				groups, _ := at(link, "properties.groupIds").([]any)
				for _, group := range groups {
					if missing[text(group)] == "" {
						bad = append(bad, fmt.Sprintf("%s: %q is not a group of a resource", r.file, group))
					}

					delete(missing, text(group))
				}
			}
		}
	}

	for group := range missing {
		bad = append(bad, "network.bicep: no endpoint of group "+group)
	}

	for _, zone := range privateLinks {
		if !zones[zone] {
			bad = append(bad, "network.bicep: no zone "+zone)
		}
	}

	return bad
}

// checkSignIn compares the sign-in with the routes that need no key, and with the
// setting that holds the identity instead of a secret.
func checkSignIn(w *world) (bad []string) {
	open := map[string]bool{}

	for _, f := range funchost.Functions {
		if f.Auth == funchost.AuthAnonymous {
			route, _, _ := strings.Cut(f.Route, "/{")
			open["/api/"+route] = true
		}
	}

	found := false

	w.each("Microsoft.Web/sites/config", func(r *resource) {
		if r.name() != "authsettingsV2" {
			return
		}

		found = true

		paths, _ := r.at("properties.globalValidation.excludedPaths").([]any)
		for _, path := range paths {
			if !open[text(path)] {
				bad = append(bad, fmt.Sprintf("%s: %s is not a route without a key", r.file, path))
			}
		}

		bad = append(bad, expect(r, map[string]any{
			"properties.identityProviders.azureActiveDirectory.registration.clientSecretSettingName": signIn,
			"properties.globalValidation.requireAuthentication":                                      true,
		})...)
	})

	if !found {
		bad = append(bad, "app.bicep: there is no sign-in")
	}

	return bad
}

// metrics are those of Azure Monitor that the alerts use, by the namespace of the
// resource, as documented in November 2026.
var metrics = map[string][]string{
	"Microsoft.ServiceBus/namespaces":           {"ActiveMessages", "DeadletteredMessages", "ThrottledRequests"},
	"Microsoft.DBforPostgreSQL/flexibleServers": {"active_connections", "cpu_percent", "storage_percent"},
}

// checkMetric returns a finding if a metric alert looks at a metric that does not
// exist.
func checkMetric(r *resource, condition any) []string {
	namespace, metric := text(at(condition, "metricNamespace")), text(at(condition, "metricName"))
	if r.typ != "Microsoft.Insights/metricAlerts" || slices.Contains(metrics[namespace], metric) {
		return nil
	}

	return []string{fmt.Sprintf("%s: %s: no metric %s of %s is known", r.file, r.name(), metric, namespace)}
}
