package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/test/stage"
)

// second is the Deployment of a second controller, for the first to lose its
// lease to.
const second = "podgate-second"

// leaders are faults with two controllers. Three pods fail, and two may be out,
// so that two controllers that both act would soon have one too many out.
func leaders() []Fault {
	two := Fault{Rounds: 3, Earliest: -3 * time.Second, Latest: 16 * time.Second, Sick: 3,
		Prepare: addSecond, Restore: removeSecond, Check: secondTookOver}
	cut, stopped := two, two
	cut.Name, cut.What = "partition", "the leader of two controllers is cut off from the API server for 30 s"
	cut.Play = func(ctx context.Context, a *Arena, _ *Round) error {
		return a.stopPod(ctx, "faults", "relay", 30*time.Second)
	}
	stopped.Name, stopped.What = "leader-paused", "the leader of two controllers is stopped for 25 s, past its lease (SIGSTOP, SIGCONT)"
	stopped.Play = func(ctx context.Context, a *Arena, _ *Round) error {
		leader, err := a.leader(ctx)
		if err != nil {
			return err
		}
		return a.stopPod(ctx, stage.SystemNamespace, leader, 25*time.Second)
	}
	return []Fault{cut, stopped}
}

// stopPod stops the processes of a pod for a while.
func (a *Arena) stopPod(ctx context.Context, namespace, name string, d time.Duration) error {
	a.say("SIGSTOP of %s, for %s", name, d)
	if err := a.SignalPod(ctx, namespace, name, syscall.SIGSTOP); err != nil {
		return err
	}
	waited := stage.Pause(ctx, d)
	if err := a.SignalPod(context.WithoutCancel(ctx), namespace, name, syscall.SIGCONT); err != nil {
		return err
	}
	return waited
}

// addSecond leads the first controller's way to the API server through the
// relay, sees to it that it leads, and starts a second one.
func addSecond(ctx context.Context, a *Arena) error {
	if _, err := a.Kubectl(ctx, "-n", stage.SystemNamespace, "set", "env", "deployment/podgate",
		"KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=7443"); err != nil {
		return err
	}
	if err := a.onlyOne(ctx); err != nil {
		return err
	}
	var first appsv1.Deployment
	if err := a.Client.Get(ctx, client.ObjectKey{Namespace: stage.SystemNamespace, Name: "podgate"}, &first); err != nil {
		return err
	}
	of := map[string]string{"app.kubernetes.io/name": second}
	template := first.Spec.Template.DeepCopy()
	maps.Copy(template.Labels, of)
	template.Spec.Containers[0].Env = slices.DeleteFunc(template.Spec.Containers[0].Env,
		func(e corev1.EnvVar) bool { return strings.HasPrefix(e.Name, "KUBERNETES_SERVICE_") })
	if err := a.Client.Create(ctx, &appsv1.Deployment{ObjectMeta: named(stage.SystemNamespace, second),
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: of}, Template: *template}}); err != nil {
		return err
	}
	return a.rolledOut(ctx, second)
}

// removeSecond leaves the first controller alone, with its usual way.
func removeSecond(ctx context.Context, a *Arena) error {
	err := a.Client.Delete(ctx, &appsv1.Deployment{ObjectMeta: named(stage.SystemNamespace, second)}, client.PropagationPolicy(metav1.DeletePropagationForeground))
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if _, err := a.Kubectl(ctx, "-n", stage.SystemNamespace, "set", "env", "deployment/podgate",
		"KUBERNETES_SERVICE_HOST-", "KUBERNETES_SERVICE_PORT-"); err != nil {
		return err
	}
	return a.onlyOne(ctx)
}

// onlyOne waits until the Deployment's one pod is there, and leads.
func (a *Arena) onlyOne(ctx context.Context) error {
	if err := a.rolledOut(ctx, "podgate"); err != nil {
		return err
	}
	return a.until(ctx, 60*time.Second, func() error {
		var all corev1.PodList // those that are ending too: they may still hold the lease
		if err := a.Client.List(ctx, &all, client.InNamespace(stage.SystemNamespace)); err != nil {
			return err
		}
		leader, err := a.leader(ctx)
		if err == nil && (len(all.Items) != 1 || all.Items[0].Name != leader) {
			err = fmt.Errorf("%d controllers, and %s leads", len(all.Items), leader)
		}
		return err
	})
}

func (a *Arena) rolledOut(ctx context.Context, deployment string) error {
	_, err := a.Kubectl(ctx, "-n", stage.SystemNamespace, "rollout", "status", "deployment/"+deployment, "--timeout=90s")
	return err
}

// secondTookOver checks that the second controller leads, and that the first
// does not think it does: it has ended since, or stands by.
func secondTookOver(ctx context.Context, a *Arena, r *Round) error {
	pods, err := a.controllers(ctx)
	if err != nil {
		return err
	}
	leader, err := a.leader(ctx)
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	for _, p := range pods {
		isSecond := p.Labels["app.kubernetes.io/name"] == second
		if isSecond {
			r.check("the second controller leads", p.Name == leader, "%s leads", leader)
			continue
		}
		var families map[string]*dto.MetricFamily
		if err := a.until(ctx, time.Minute, func() (err error) { families, err = a.metrics(ctx, p); return err }); err != nil {
			return fmt.Errorf("the first controller: %w", err)
		}
		master := 0.0
		for _, m := range families["leader_election_master_status"].GetMetric() {
			master = max(master, m.GetGauge().GetValue())
		}
		restarts := p.Status.ContainerStatuses[0].RestartCount
		r.check("the first controller has ended, or stands by", master == 0, "it was restarted %d times, and says leader: %v", restarts, master)
	}
	return nil
}
