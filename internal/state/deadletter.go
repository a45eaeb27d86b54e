package state

// Reasons of dead letters that are known. A broker may have others.
const (
	DeadMaxDelivery = "MaxDeliveryCountExceeded" // delivered too often
	DeadTTLExpired  = "TTLExpiredException"      // waited longer than the broker's queue lets it
	DeadNoReason    = "DeadLettered"             // the broker gave none
	DeadRefused     = "RefusedByBroker"          // a broker does not take it; the broker's own reason follows
)
