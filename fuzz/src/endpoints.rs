//! Endpoints: lists from files, and the paths that are looked up in them.

use weir_inspect::endpoints::{Endpoints, parameter_ending};

/// The input is lines: a list of endpoints, and paths of the host `h`. An endpoint that is found has as many components as the path, and
/// the same names.
pub fn endpoints(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let Ok(endpoints) = Endpoints::parse(lines.next().unwrap_or_default()) else { return };
    for path in lines {
        let Some(number) = endpoints.find(b"GET", b"h", path) else { continue };
        let template = &endpoints.get(number).expect("what is found is there").template;
        let components: Vec<&[u8]> = path.split(|b| *b == b'/').filter(|c| !c.is_empty()).collect();
        let parts: Vec<&str> = template.split('/').filter(|c| !c.is_empty()).collect();
        assert_eq!(components.len(), parts.len(), "{template}");
        for (component, part) in components.iter().zip(parts) {
            let fits = match parameter_ending(part) {
                Some(ending) => component.ends_with(ending.as_bytes()),
                None => *component == part.as_bytes(),
            };
            assert!(fits, "{template}");
        }
    }
}
