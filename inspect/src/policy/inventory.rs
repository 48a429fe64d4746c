//! Which workloads there are, so that services and tenants may be named by namespace and labels where addresses come and go.
//!
//! As a policy carries it, an inventory is lines of an address (or range), a namespace (`-`: none) and labels:
//! `10.1.2.3 payments app=orders tier=web`. What `kubectl get pods,services -A -o json` prints is made into that.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cidr::Cidr;

/// Most bytes of an inventory as a policy carries it (10,000 workloads of 100 bytes each); more is an error.
pub const MAX_INVENTORY_BYTES: usize = 1 << 20;

/// Labels that are others with each rollout and select nothing that lasts.
const PASSING: [&str; 2] = ["pod-template-hash", "controller-revision-hash"];

/// An address, and whose it is.
#[derive(Debug)]
struct Workload {
    addresses: Cidr,
    namespace: String,
    labels: BTreeSet<String>,
}

/// All workloads that are known.
#[derive(Debug, Default)]
pub(super) struct Inventory(Vec<Workload>);

/// Which workloads are meant: those of the namespace that have all the labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    pub namespace: Option<String>,
    /// `key=value`.
    pub labels: Vec<String>,
}

impl Selector {
    /// Whether nothing is said, so that addresses alone count.
    pub fn is_empty(&self) -> bool {
        self.namespace.is_none() && self.labels.is_empty()
    }
}

impl Inventory {
    /// Reads lines.
    ///
    /// # Errors
    /// A sentence that names the line.
    pub fn read(text: &str) -> Result<Inventory, String> {
        if text.len() > MAX_INVENTORY_BYTES {
            return Err(format!("an inventory has at most {MAX_INVENTORY_BYTES} bytes"));
        }
        let lines = (1..).zip(text.lines()).filter(|(_, line)| {
            let line = line.trim_start();
            !line.is_empty() && !line.starts_with('#')
        });
        let workloads = lines.map(|(n, line)| {
            let mut words = line.split_ascii_whitespace().map(str::to_owned);
            let addresses = Cidr::parse(&words.next().unwrap_or_default());
            let addresses = addresses.map_err(|problem| format!("line {n}: {problem}"))?;
            let namespace = words.next().filter(|name| !name.contains('='));
            let namespace = namespace.ok_or_else(|| {
                format!("line {n}: a namespace (`-` for none) follows the address")
            })?;
            let labels: BTreeSet<_> = words.collect();
            match labels.iter().find(|label| !is_label(label)) {
                Some(label) => Err(format!("line {n}: `{label}` is no label; write `key=value`")),
                None => Ok(Workload { addresses, namespace, labels }),
            }
        });
        workloads.collect::<Result<_, _>>().map(Inventory)
    }

    /// The addresses of the workloads that are meant.
    pub fn select<'i>(&'i self, selector: &'i Selector) -> impl Iterator<Item = Cidr> + 'i {
        let meant = |w: &&Workload| {
            selector.namespace.as_ref().is_none_or(|name| *name == w.namespace)
                && selector.labels.iter().all(|label| w.labels.contains(label))
        };
        self.0.iter().filter(meant).map(|w| w.addresses)
    }
}

/// Whether a text is a label with its value.
pub(super) fn is_label(text: &str) -> bool {
    text.split_once('=').is_some_and(|(key, _)| !key.is_empty()) && !text.contains([' ', ','])
}

/// An inventory's file as a policy carries it: what Kubernetes prints as lines in an order that does not depend on it, and all else
/// as it is.
///
/// # Errors
/// A sentence, if it begins like JSON and is no list of Kubernetes.
pub(super) fn to_text(file: &str) -> Result<String, String> {
    if !file.trim_start().starts_with('{') {
        return Ok(file.to_owned());
    }
    let list: Value = serde_json::from_str(file).map_err(|e| format!("it is not JSON: {e}"))?;
    let items = list.get("items").and_then(Value::as_array);
    let items = items.ok_or("it is no list; write it by `kubectl get pods,services -A -o json`")?;
    let lines: BTreeSet<String> = items.iter().flat_map(workload).collect();
    Ok(lines.into_iter().collect())
}

/// The lines of a pod or a service; of one that has no addresses of its own, none.
fn workload(item: &Value) -> Vec<String> {
    let text = |at: &str| item.pointer(at).and_then(Value::as_str).unwrap_or_default();
    // A service is known by its cluster address, and stands for the pods that it selects.
    let service = text("/kind") == "Service";
    let (labels, addresses) = match service {
        true => ("/spec/selector", "/spec/clusterIPs"),
        false => ("/metadata/labels", "/status/podIPs"),
    };
    // Pods that share their node's address are told apart by nothing; addresses of those that have ended are soon another's.
    let shared = item.pointer("/spec/hostNetwork").and_then(Value::as_bool).unwrap_or(false);
    if shared || matches!(text("/status/phase"), "Succeeded" | "Failed") {
        return Vec::new();
    }
    let labels = item.pointer(labels).and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<String> = labels
        .filter(|(key, _)| !PASSING.contains(&key.as_str()))
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .filter(|label| is_label(label))
        .collect();
    let namespace = Some(text("/metadata/namespace")).filter(|n| !n.is_empty()).unwrap_or("-");
    let addresses = item.pointer(addresses).and_then(Value::as_array).into_iter().flatten();
    let addresses = addresses.filter_map(|a| a.as_str().or_else(|| a.get("ip")?.as_str()));
    // A headless service has `None`.
    let addresses = addresses.filter(|a| Cidr::parse(a).is_ok());
    addresses
        .map(|a| format!("{a} {namespace} {}", labels.join(" ")).trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: &str = r#"{"kind": "List", "items": [
      {"kind": "Pod", "metadata": {"namespace": "shop", "name": "b", "labels": {"app": "cart", "pod-template-hash": "7f"}},
       "spec": {}, "status": {"phase": "Running", "podIPs": [{"ip": "10.1.0.9"}, {"ip": "fd00::9"}]}},
      {"kind": "Pod", "metadata": {"namespace": "shop", "name": "a"},
       "status": {"phase": "Running", "podIPs": [{"ip": "10.1.0.8"}]}},
      {"kind": "Pod", "metadata": {"namespace": "kube-system"}, "spec": {"hostNetwork": true},
       "status": {"podIPs": [{"ip": "192.0.2.1"}]}},
      {"kind": "Pod", "metadata": {"namespace": "shop"}, "status": {"phase": "Succeeded", "podIPs": [{"ip": "10.1.0.7"}]}},
      {"kind": "Service", "metadata": {"namespace": "shop", "labels": {"x": "y"}},
       "spec": {"selector": {"app": "cart"}, "clusterIPs": ["10.96.0.4"]}},
      {"kind": "Service", "metadata": {"namespace": "shop"}, "spec": {"clusterIPs": ["None"]}}]}"#;

    fn selected(inventory: &Inventory, namespace: Option<&str>, labels: &[&str]) -> usize {
        let labels = labels.iter().map(|l| (*l).to_owned()).collect();
        let selector = Selector { namespace: namespace.map(str::to_owned), labels };
        inventory.select(&selector).count()
    }

    #[test]
    fn what_kubernetes_prints_becomes_lines_in_order() {
        let text = to_text(PODS).unwrap();
        assert_eq!(
            text,
            "10.1.0.8 shop\n10.1.0.9 shop app=cart\n10.96.0.4 shop app=cart\nfd00::9 shop app=cart\n"
        );
        assert_eq!(to_text(&text).unwrap(), text, "as it is");
        let inventory = Inventory::read(&text).unwrap();
        assert_eq!(selected(&inventory, Some("shop"), &[]), 4);
        assert_eq!(selected(&inventory, None, &["app=cart"]), 3);
        assert_eq!(selected(&inventory, Some("shop"), &["app=cart", "x=y"]), 0);
        assert!(to_text("{\"a\": 1}").unwrap_err().contains("no list"));
        assert!(to_text("{").unwrap_err().contains("not JSON"));
    }

    #[test]
    fn lines_may_be_written_by_hand_and_errors_name_them() {
        let inventory = Inventory::read("# rack 4\n\n10.2.0.0/16 - app=db tier=\n").unwrap();
        assert_eq!(selected(&inventory, None, &["tier="]), 1);
        for (text, wanted) in [
            ("10.1.0.1 a\nx a", "line 2: `x` is not an IP address"),
            ("10.1.0.1", "line 1: a namespace"),
            ("10.1.0.1 app=x", "line 1: a namespace"),
            ("10.1.0.1 a b", "line 1: `b` is no label"),
        ] {
            assert!(Inventory::read(text).unwrap_err().starts_with(wanted), "{text}");
        }
        assert!(Inventory::read(&" ".repeat(MAX_INVENTORY_BYTES + 1)).is_err());
    }
}
