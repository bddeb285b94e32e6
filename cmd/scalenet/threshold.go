package main

import (
	"scalenet/detector"

	"github.com/spf13/pflag"
)

// thresholdFlag is a flag of a score threshold.
type thresholdFlag struct{ to *detector.Threshold }

func (v *thresholdFlag) String() string {
	if v.to == nil {
		return "" // of the zero value, which pflag makes to compare defaults
	}
	return v.to.String()
}

func (v *thresholdFlag) Type() string { return "threshold" }

func (v *thresholdFlag) Set(text string) (err error) {
	*v.to, err = detector.ParseThreshold(text)
	return err
}

// addThreshold defines the flag --threshold.
func addThreshold(f *pflag.FlagSet, to *detector.Threshold, what string) {
	f.Var(&thresholdFlag{to}, "threshold", what+": a number, best (the thresholds by class that eval --choose-threshold stored in the model), or a list by class such as RBC=0.4,WBC=best,0.5")
}
