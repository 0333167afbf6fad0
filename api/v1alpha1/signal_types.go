package v1alpha1

// Signal is one question asked of Prometheus, with one answer a pod, and the
// rule that says which answers are bad; or an external detector that says itself
// which pods are bad.
//
// Queries may use $namespace and $service (of the gate) and $__window.
//
// +kubebuilder:validation:XValidation:rule="(has(self.ratio) ? 1 : 0) + (has(self.histogram) ? 1 : 0) + (has(self.value) ? 1 : 0) + (has(self.external) ? 1 : 0) == 1",message="a signal has exactly one of ratio (bad events out of all), histogram (bucket counts), value (one number a pod) and external (a detector over HTTP)"
// +kubebuilder:validation:XValidation:rule="!has(self.external) || !(has(self.outlier) || has(self.robust) || has(self.threshold) || has(self.deviation))",message="an external detector says itself which pods are bad: leave outlier, robust, threshold and deviation out; external.for says how long it must say so"
// +kubebuilder:validation:XValidation:rule="has(self.external) || (has(self.outlier) ? 1 : 0) + (has(self.robust) ? 1 : 0) + (has(self.threshold) ? 1 : 0) + (has(self.deviation) ? 1 : 0) == 1",message="a signal has exactly one of outlier (worse than its peers; recommended), robust (the same in standard deviations), threshold (a fixed limit) and deviation (percent from the mean or median)"
// +kubebuilder:validation:XValidation:rule="!has(self.histogram) || has(self.outlier)",message="a histogram goes with outlier only: for another rule ask for a value, such as a histogram_quantile"
// +kubebuilder:validation:XValidation:rule="!has(self.ratio) || !has(self.threshold) || [self.threshold.?above.orValue('0'), self.threshold.?below.orValue('0')].all(x, !x.matches('^-?[0-9]+(\\\\.[0-9]+)?$') || (double(x) >= 0.0 && double(x) <= 1.0))",message="a threshold of a ratio is a share from \"0\" to \"1\": five percent is \"0.05\""
// +kubebuilder:validation:XValidation:rule="!has(self.ratio) || [self.?outlier.minDifference.orValue('0'), self.?robust.minDifference.orValue('0')].all(x, !x.matches('^-?[0-9]+(\\\\.[0-9]+)?$') || double(x) < 1.0)",message="minDifference of a ratio is a share below \"1\": five percent is \"0.05\""
type Signal struct {
	// name of the signal, unique in the gate.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and dashes, such as slow-requests"
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// ratio asks for bad events out of all events.
	// +optional
	Ratio *RatioQuery `json:"ratio,omitempty"`

	// histogram is a PromQL query that answers with the bucket counts of the
	// window, by pod and le, such as request durations in seconds from the
	// histogram that is there already.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Histogram *string `json:"histogram,omitempty"`

	// value is a PromQL query that answers with one number a pod, such as memory
	// in use.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Value *string `json:"value,omitempty"`

	// external asks an HTTP server which pods are bad, at every look, instead of
	// Prometheus. The answer to its GET is a PodList of them
	// ({"kind":"PodList","items":[{"metadata":{"name":"..."}}]}); namespace and uid
	// are heeded where they are there, and a list without items says that all pods
	// are well. Pods that are not of the fleet are ignored and reported
	// (status.lastEvaluation.signals), a pod is taken out only after it was named in
	// two looks in a row, and every limit and guard holds as for other signals. An
	// error, a late answer and one that is no PodList are no data. The controller's
	// operator must allow the server's host with --external-detectors.
	// +optional
	External *External `json:"external,omitempty"`

	// outlier finds a pod that is worse than its peers by more than chance and by
	// more than you care about, with a stated rate of false alarms (see
	// spec.falseAlarms). Recommended.
	// +optional
	Outlier *Outlier `json:"outlier,omitempty"`

	// robust finds a pod that is so many robust standard deviations away from the
	// median of the fleet, look after look.
	// +optional
	Robust *Robust `json:"robust,omitempty"`

	// threshold finds a pod beyond a fixed limit.
	// +optional
	Threshold *Threshold `json:"threshold,omitempty"`

	// deviation finds a pod that is away from the fleet's mean or median by more
	// than so many percent.
	// +optional
	Deviation *Deviation `json:"deviation,omitempty"`

	// minSamples is how many events (bad and good, in the window) a ratio must
	// count for a pod before robust, threshold or deviation judge the pod by it.
	// outlier needs no such limit: with fewer events it takes longer.
	// +kubebuilder:default="5"
	// +kubebuilder:validation:XValidation:rule="self.matches('^-?[0-9]+(\\\\.[0-9]+)?$') && double(self) >= 0.0",message="must not be negative, as a decimal number in quotes such as \"2.5\""
	// +optional
	MinSamples *Decimal `json:"minSamples,omitempty"`
}

// RatioQuery asks for two counts a pod in the window.
type RatioQuery struct {
	// bad is the PromQL query for the count of bad events. A pod without an answer
	// here but with one in total had none.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +required
	Bad string `json:"bad"`
	// total is the PromQL query for the count of all events.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +required
	Total string `json:"total"`
}

// External is an HTTP server that says which pods are bad. It decides nothing but
// whom it names.
//
// +kubebuilder:validation:XValidation:rule="!has(self.caBundle) || self.url.startsWith('https://')",message="caBundle needs a url that begins with https://"
type External struct {
	// url of the detector. It may use $namespace and $service (of the gate).
	// Redirects are not followed.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^/?#@ ]+([/?#][^ ]*)?$')",message="must be an address such as https://detector.shop.svc:8443/bad-pods, without user and password"
	// +required
	URL string `json:"url"`

	// timeout is how long the whole answer may take. The other signals of the same
	// look wait for it, so it is at most the shortest interval; overrides never do.
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('5s')",message="must be a duration from 100ms to 5s"
	// +optional
	Timeout *Duration `json:"timeout,omitempty"`

	// caBundle is the certificates, as PEM, that the server's certificate must be
	// signed by. Without it those that the controller's image trusts.
	// +kubebuilder:validation:MaxLength=131072
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// for is how long the detector must name a pod, look after look, before the pod
	// is an outlier; two looks in a row are needed at least.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="must be a duration from 0s to 24h, such as 30s or 1h30m"
	// +optional
	For *Duration `json:"for,omitempty"`
}

// Direction is the side on which a pod that differs is worse.
//
// +kubebuilder:validation:Enum=High;Low;Both
type Direction string

// Floors are the differences that you care about: a pod within either of its
// peers is normal, however certain the difference is.
type Floors struct {
	// direction is the side on which a difference is bad.
	// +kubebuilder:default=High
	// +optional
	Direction Direction `json:"direction,omitempty"`

	// minDifference is the least difference from the peers that you care about: in
	// shares for a ratio ("0.01" is one percent of the requests, the default), in
	// the value's own unit or the unit of the histogram's bounds otherwise (default
	// "0").
	// +kubebuilder:validation:XValidation:rule="self.matches('^-?[0-9]+(\\\\.[0-9]+)?$') && double(self) >= 0.0",message="must not be negative, as a decimal number in quotes such as \"2.5\""
	// +optional
	MinDifference *Decimal `json:"minDifference,omitempty"`

	// minRatio is the least ratio to the peers that you care about: "2" is twice
	// theirs. The default is "2" for a ratio, "1.4" for a histogram and "1.5" for a
	// value.
	// +kubebuilder:validation:XValidation:rule="self.matches('^-?[0-9]+(\\\\.[0-9]+)?$') && double(self) > 1.0",message="must be greater than 1, as a decimal number in quotes such as \"2.5\""
	// +optional
	MinRatio *Decimal `json:"minRatio,omitempty"`
}

// Outlier finds a pod that is worse than its peers. Evidence is gathered from
// look to look, with error bars from the pod's own traffic, until a false alarm
// is as unlikely as spec.falseAlarms asks for: a big fault is seen within a few
// looks, a small one or one with little traffic takes longer.
type Outlier struct {
	Floors `json:",inline"`
}

// Robust finds a pod by the distance from the median of the fleet in units of
// the median absolute deviation.
type Robust struct {
	Floors `json:",inline"`

	// k is how many robust standard deviations make an outlier.
	// +kubebuilder:default="3.5"
	// +kubebuilder:validation:XValidation:rule="self.matches('^-?[0-9]+(\\\\.[0-9]+)?$') && double(self) > 0.0",message="must be greater than 0, as a decimal number in quotes such as \"2.5\""
	// +optional
	K *Decimal `json:"k,omitempty"`

	// for is how long a pod must look bad, look after look, before it is an
	// outlier; two looks in a row are needed at least.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="must be a duration from 0s to 24h, such as 30s or 1h30m"
	// +optional
	For *Duration `json:"for,omitempty"`
}

// Threshold finds a pod beyond a fixed limit.
//
// +kubebuilder:validation:XValidation:rule="(has(self.above) ? 1 : 0) + (has(self.below) ? 1 : 0) == 1",message="a threshold has exactly one of above and below"
type Threshold struct {
	// above is the limit that a pod's level must exceed to be bad: a share for a
	// ratio, the value itself otherwise.
	// +kubebuilder:validation:XValidation:rule="self.matches('^-?[0-9]+(\\\\.[0-9]+)?$')",message="must be a decimal number in quotes, such as \"0.05\""
	// +optional
	Above *Decimal `json:"above,omitempty"`
	// below is the limit that a pod's level must fall short of to be bad.
	// +kubebuilder:validation:XValidation:rule="self.matches('^-?[0-9]+(\\\\.[0-9]+)?$')",message="must be a decimal number in quotes, such as \"0.05\""
	// +optional
	Below *Decimal `json:"below,omitempty"`
	// for is how long a pod must be beyond the limit before it is an outlier.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="must be a duration from 0s to 24h, such as 30s or 1h30m"
	// +optional
	For *Duration `json:"for,omitzero"`
}

// Centre is what a deviation is measured from.
//
// +kubebuilder:validation:Enum=Median;Mean
type Centre string

// The centres.
const (
	// CentreMedian is the median of the fleet: a few bad pods cannot move it.
	CentreMedian Centre = "Median"
	// CentreMean is the mean of the fleet.
	CentreMean Centre = "Mean"
)

// Deviation finds a pod that is away from the middle of the fleet, on either
// side, by more than so many percent of it.
type Deviation struct {
	// percent is how far a pod may be from the middle, in percent of it.
	// +kubebuilder:validation:XValidation:rule="self.matches('^-?[0-9]+(\\\\.[0-9]+)?$') && double(self) > 0.0",message="must be greater than 0, as a decimal number in quotes such as \"2.5\""
	// +required
	Percent Decimal `json:"percent"`
	// from is what the distance is measured from: Median, which a few bad pods
	// cannot move, or Mean.
	// +kubebuilder:default=Median
	// +optional
	From Centre `json:"from,omitempty"`
	// for is how long a pod must be that far away before it is an outlier.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="must be a duration from 0s to 24h, such as 30s or 1h30m"
	// +optional
	For *Duration `json:"for,omitzero"`
}
