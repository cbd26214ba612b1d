//! What a provider says of somebody: finding the claims that matter, whatever they look like.

use serde_json::{Map, Value};

/// Most values of a claim that are looked at.
const MOST: usize = 10_000;

/// What shows more than a password, by the names of RFC 8176: several factors, or something that one has.
const SECOND_FACTORS: &[&str] = &["mfa", "otp", "hwk", "swk", "sc", "sms", "tel"];

/// The claim `name`: as it stands, or as a path with dots into what holds it.
pub fn find<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.as_object()?.get(part))
    })
}

/// The texts of a claim: itself, what it lists, or the keys of what it is. A mail address counts only if the provider knows that it is
/// that person's: at some, people write there what they like.
pub fn values<'c>(claims: &'c Map<String, Value>, name: &str) -> Vec<&'c str> {
    if name == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Vec::new();
    }
    match find(claims, name) {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().take(MOST).filter_map(Value::as_str).collect(),
        Some(Value::Object(fields)) => fields.keys().take(MOST).map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether the provider says that it asked for a second factor.
pub fn second_factor(claims: &Map<String, Value>) -> bool {
    values(claims, "amr").iter().any(|method| SECOND_FACTORS.contains(method))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(claims: Value, name: &str) -> Vec<String> {
        let claims = claims.as_object().unwrap();
        values(claims, name).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn claims_are_found_wherever_providers_put_them() {
        assert_eq!(of(json!({"groups": ["a", 7, "b"]}), "groups"), ["a", "b"]);
        assert_eq!(of(json!({"role": "a b"}), "role"), ["a b"]);
        assert_eq!(of(json!({"realm_access": {"roles": ["x"]}}), "realm_access.roles"), ["x"]);
        assert_eq!(of(json!({"https://example.org/roles": ["x"]}), "https://example.org/roles"), ["x"]);
        assert_eq!(of(json!({"a.b": "as it stands", "a": {"b": "within"}}), "a.b"), ["as it stands"]);
        assert_eq!(of(json!({"roles": {"admin": {"1": "x"}, "user": {}}}), "roles"), ["admin", "user"]);
        assert_eq!(of(json!({"email": "a@b.example", "email_verified": true}), "email"), ["a@b.example"]);
        for unknown in [json!({}), json!({"email_verified": false}), json!({"email_verified": "yes"})] {
            let mut claims = unknown;
            claims["email"] = "a@b.example".into();
            assert!(of(claims, "email").is_empty());
        }
        for nothing in [json!({}), json!({"a": 7}), json!({"a": null}), json!({"a": "text"}), json!({"a": ["b"]})] {
            assert!(of(nothing.clone(), "a.b").is_empty() && of(nothing, "").is_empty());
        }
    }

    #[test]
    fn a_second_factor_is_something_that_one_has() {
        let told = |amr: Value| second_factor(json!({"amr": amr}).as_object().unwrap());
        assert!(told(json!(["pwd", "mfa"])) && told(json!(["pwd", "otp"])) && told(json!("hwk")));
        assert!(!told(json!(["pwd"])) && !told(json!([])) && !told(json!(true)) && !told(json!(["MFA?"])));
    }
}
