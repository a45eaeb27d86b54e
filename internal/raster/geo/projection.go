package geo

import (
	"fmt"
	"math"
	"slices"
)

// Projection converts between longitude and latitude in degrees and coordinates
// of a reference system. Results outside its area are not meaningful, and NaN
// where there are none.
type Projection interface {
	Forward(lon, lat float64) (x, y float64)
	Inverse(x, y float64) (lon, lat float64)
}

// EPSG codes with a projection of their own.
const (
	WGS84       = 4326
	WebMercator = 3857
)

// ForEPSG returns the projection of a code, and nil if it is not computed here:
// 4326, 4258, 4269 (longitude and latitude), 3857, and UTM on WGS 84 (326xx,
// 327xx) and ETRS89 (258xx). The datums differ by at most 2 m and count as the
// same.
func ForEPSG(code int) Projection {
	switch zone := code % 100; {
	case code == WGS84 || code == 4258 || code == 4269:
		return lonLat{}
	case code == WebMercator:
		return mercator{}
	case zone < 1 || zone > 60:
		return nil
	case code/100 == 326:
		return newUTM(zone, false, wgs84Flattening)
	case code/100 == 327:
		return newUTM(zone, true, wgs84Flattening)
	case code >= 25828 && code <= 25838:
		return newUTM(zone, false, grs80Flattening)
	default:
		return nil
	}
}

type lonLat struct{}

// Forward is part of Projection.
func (lonLat) Forward(lon, lat float64) (x, y float64) { return lon, lat }

// Inverse is part of Projection.
func (lonLat) Inverse(x, y float64) (lon, lat float64) { return x, y }

const (
	earthRadius     = 6378137.0 // m, of both ellipsoids and of Web Mercator
	wgs84Flattening = 1 / 298.257223563
	grs80Flattening = 1 / 298.257222101
	degree          = math.Pi / 180
)

// mercator is Web Mercator, the spherical projection of web maps.
type mercator struct{}

// Forward is part of Projection.
func (mercator) Forward(lon, lat float64) (x, y float64) {
	return earthRadius * lon * degree, earthRadius * math.Asinh(math.Tan(lat*degree))
}

// Inverse is part of Projection.
func (mercator) Inverse(x, y float64) (lon, lat float64) {
	return x / earthRadius / degree, math.Atan(math.Sinh(y/earthRadius)) / degree
}

const (
	utmScale        = 0.9996
	utmFalseEasting = 500_000
	utmFalseSouth   = 10_000_000
	utmTerms        = 6
)

// utm is the transverse Mercator projection of a zone, as a Krueger series in
// the third flattening n up to its sixth power (Karney, Transverse Mercator with
// an accuracy of a few nanometers, 2011).
type utm struct {
	meridian, north    float64
	eccentricity, unit float64
	alpha, beta        [utmTerms]float64
}

func newUTM(zone int, south bool, flattening float64) utm {
	u := utm{
		meridian:     float64(zone*6 - 183),
		eccentricity: math.Sqrt(flattening * (2 - flattening)),
	}

	if south {
		u.north = utmFalseSouth
	}

	n := flattening / (2 - flattening)
	n2 := n * n
	u.unit = utmScale * earthRadius / (1 + n) * (1 + n2/4*(1+n2/16*(1+n2/4)))

	u.alpha = [utmTerms]float64{
		series(n, 1./2, -2./3, 5./16, 41./180, -127./288, 7891./37800),
		series(n, 0, 13./48, -3./5, 557./1440, 281./630, -1983433./1935360),
		series(n, 0, 0, 61./240, -103./140, 15061./26880, 167603./181440),
		series(n, 0, 0, 0, 49561./161280, -179./168, 6601661./7257600),
		series(n, 0, 0, 0, 0, 34729./80640, -3418889./1995840),
		series(n, 0, 0, 0, 0, 0, 212378941./319334400),
	}
	u.beta = [utmTerms]float64{
		series(n, 1./2, -2./3, 37./96, -1./360, -81./512, 96199./604800),
		series(n, 0, 1./48, 1./15, -437./1440, 46./105, -1118711./3870720),
		series(n, 0, 0, 17./480, -37./840, -209./4480, 5569./90720),
		series(n, 0, 0, 0, 4397./161280, -11./504, -830251./7257600),
		series(n, 0, 0, 0, 0, 4583./161280, -108847./3991680),
		series(n, 0, 0, 0, 0, 0, 20648693./638668800),
	}

	return u
}

// series returns the sum of coefficients times powers of n, from the first.
func series(n float64, coefficients ...float64) float64 {
	sum := 0.0
	for _, c := range slices.Backward(coefficients) {
		sum = (sum + c) * n
	}

	return sum
}

// Forward is part of Projection.
func (u utm) Forward(lon, lat float64) (x, y float64) {
	lambda := math.Remainder(lon-u.meridian, 360) * degree
	tau := u.conformal(math.Tan(lat * degree))

	xi := math.Atan2(tau, math.Cos(lambda))
	eta := math.Asinh(math.Sin(lambda) / math.Hypot(tau, math.Cos(lambda)))
	x, y = eta, xi

	for i, c := range u.alpha {
		j := float64(2 * (i + 1))
		x += c * math.Cos(j*xi) * math.Sinh(j*eta)
		y += c * math.Sin(j*xi) * math.Cosh(j*eta)
	}

	return utmFalseEasting + u.unit*x, u.north + u.unit*y
}

// Inverse is part of Projection.
func (u utm) Inverse(x, y float64) (lon, lat float64) {
	eta, xi := (x-utmFalseEasting)/u.unit, (y-u.north)/u.unit
	eta1, xi1 := eta, xi

	for i, c := range u.beta {
		j := float64(2 * (i + 1))
		eta1 -= c * math.Cos(j*xi) * math.Sinh(j*eta)
		xi1 -= c * math.Sin(j*xi) * math.Cosh(j*eta)
	}

	lambda := math.Atan2(math.Sinh(eta1), math.Cos(xi1))
	tau := u.geographic(math.Sin(xi1) / math.Hypot(math.Sinh(eta1), math.Cos(xi1)))

	return math.Remainder(u.meridian+lambda/degree, 360), math.Atan(tau) / degree
}

// conformal returns the tangent of the conformal latitude for the tangent of a
// latitude.
func (u utm) conformal(tau float64) float64 {
	root := math.Hypot(1, tau)
	sigma := math.Sinh(u.eccentricity * math.Atanh(u.eccentricity*tau/root))

	return tau*math.Hypot(1, sigma) - sigma*root
}

// geographic is the inverse of conformal, by Newton's method.
func (u utm) geographic(conformal float64) float64 {
	e2 := u.eccentricity * u.eccentricity
	tau := conformal / (1 - e2)

	for range 5 {
		now := u.conformal(tau)
		tau += (conformal - now) / math.Hypot(1, now) * (1 + (1-e2)*tau*tau) / ((1 - e2) * math.Hypot(1, tau))
	}

	return tau
}

// Name returns a short name of a reference system, such as EPSG:4326.
func Name(code int) string { return fmt.Sprintf("EPSG:%d", code) }
