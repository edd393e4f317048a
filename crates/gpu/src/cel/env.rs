//! What selectors can call beyond the standard library: quantities, versions, and texts.
//!
//! Upstream: k8s.io/apiserver/pkg/cel/library (quantity.go, semverlib.go) and cel-go's string extension.

use super::cost::REGEX;
use super::semver::Semver;
use crate::quantity::Quantity;
use ::cel::common::types::{CelBool, CelDouble, CelInt, CelString, STRING_TYPE, Type};
use ::cel::common::value::{CowVal, FromVal, StaticVal, Val};
use ::cel::{DeclarationError, Env, ExecutionError, extensions};
use regex::{Regex, RegexBuilder};
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

const QUANTITY: Type = Type::new_unspecified_type("kubernetes.Quantity");
const SEMVER: Type = Type::new_unspecified_type("kubernetes.Semver");
static QUANTITY_TYPE: Type = QUANTITY;
static SEMVER_TYPE: Type = SEMVER;

/// The environment of every selector. A test holds that it can be built.
pub(super) static ENV: LazyLock<Option<Arc<Env>>> = LazyLock::new(|| build().ok().map(Arc::new));

macro_rules! value_type {
    ($name:ident, $inner:ty, $type:ident) => {
        #[derive(Clone, Debug)]
        pub(super) struct $name(pub(super) $inner);

        impl Val for $name {
            fn get_type(&self) -> &Type {
                &$type
            }

            fn cel_type() -> &'static Type {
                &$type
            }

            fn equals(&self, other: &dyn Val) -> bool {
                other.downcast_ref::<Self>().is_some_and(|other| other.0.compare(&self.0) == 0)
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
                Box::new(self.clone())
            }

            fn as_any(&self) -> Option<&dyn Any> {
                Some(self)
            }
        }

        impl StaticVal for $name {}
    };
}

value_type!(QuantityValue, Quantity, QUANTITY_TYPE);
value_type!(SemverValue, Semver, SEMVER_TYPE);

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Told<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn argument<'a, 'v, T: FromVal<'a, 'v>>(
    arguments: &'a [CowVal<'_, 'v>],
    index: usize,
) -> Result<&'a T, ExecutionError> {
    arguments
        .get(index)
        .and_then(|value| (**value).downcast_ref::<T>())
        .ok_or_else(|| ExecutionError::function_error("argument", "of another type"))
}

fn build() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib();
    env.add_extension(extensions::strings)?;
    env.add_type(QUANTITY)?;
    env.add_type(SEMVER)?;
    env.add_overload("quantity", "string_to_quantity", vec![STRING_TYPE], |arguments: Arguments<'_, '_>| {
        let text = argument::<CelString<'_>>(&arguments, 0)?.inner();
        Quantity::parse(text)
            .map(|known| CowVal::owned(QuantityValue(known)))
            .ok_or_else(|| ExecutionError::function_error("quantity", "this is no quantity"))
    })?;
    env.add_overload(
        "isQuantity",
        "is_quantity_string",
        vec![STRING_TYPE],
        |arguments: Arguments<'_, '_>| {
            let text = argument::<CelString<'_>>(&arguments, 0)?.inner();
            Ok(CowVal::owned(CelBool::from(Quantity::parse(text).is_some())))
        },
    )?;
    env.add_overload("semver", "string_to_semver", vec![STRING_TYPE], |arguments: Arguments<'_, '_>| {
        let text = argument::<CelString<'_>>(&arguments, 0)?.inner();
        Semver::parse(text)
            .map(|known| CowVal::owned(SemverValue(known)))
            .ok_or_else(|| ExecutionError::function_error("semver", "this is no semantic version"))
    })?;
    env.add_overload("isSemver", "is_semver_string", vec![STRING_TYPE], |arguments: Arguments<'_, '_>| {
        let text = argument::<CelString<'_>>(&arguments, 0)?.inner();
        Ok(CowVal::owned(CelBool::from(Semver::parse(text).is_some())))
    })?;
    env.add_overload("matches", "matches", vec![STRING_TYPE, STRING_TYPE], matches)?;
    env.add_member_overload("matches", "matches_string", STRING_TYPE, vec![STRING_TYPE], matches)?;
    quantities(&mut env)?;
    versions(&mut env)?;
    Ok(env)
}

fn quantities(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_member_overload(
        "compareTo",
        "quantity_compare_to",
        QUANTITY,
        vec![QUANTITY],
        |arguments: Arguments<'_, '_>| {
            compared::<QuantityValue>(&arguments, |one, two| CelInt::from(one.0.compare(&two.0)).into())
        },
    )?;
    env.add_member_overload(
        "isGreaterThan",
        "quantity_is_greater_than",
        QUANTITY,
        vec![QUANTITY],
        |arguments: Arguments<'_, '_>| {
            compared::<QuantityValue>(&arguments, |one, two| CelBool::from(one.0 > two.0).into())
        },
    )?;
    env.add_member_overload(
        "isLessThan",
        "quantity_is_less_than",
        QUANTITY,
        vec![QUANTITY],
        |arguments: Arguments<'_, '_>| {
            compared::<QuantityValue>(&arguments, |one, two| CelBool::from(one.0 < two.0).into())
        },
    )?;
    env.add_member_overload(
        "isInteger",
        "quantity_is_integer",
        QUANTITY,
        vec![],
        |arguments: Arguments<'_, '_>| {
            let known = argument::<QuantityValue>(&arguments, 0)?.0;
            Ok(CowVal::owned(CelBool::from(known.as_integer().is_some())))
        },
    )?;
    env.add_member_overload(
        "asInteger",
        "quantity_as_integer",
        QUANTITY,
        vec![],
        |arguments: Arguments<'_, '_>| {
            argument::<QuantityValue>(&arguments, 0)?
                .0
                .as_integer()
                .map(|known| CowVal::owned(CelInt::from(known)))
                .ok_or_else(|| ExecutionError::function_error("asInteger", "not a whole number"))
        },
    )?;
    env.add_member_overload(
        "asApproximateFloat",
        "quantity_as_float",
        QUANTITY,
        vec![],
        |arguments: Arguments<'_, '_>| {
            Ok(CowVal::owned(CelDouble::from(argument::<QuantityValue>(&arguments, 0)?.0.approximate())))
        },
    )?;
    env.add_member_overload("sign", "quantity_sign", QUANTITY, vec![], |arguments: Arguments<'_, '_>| {
        let sign = argument::<QuantityValue>(&arguments, 0)?.0.milli().signum();
        Ok(CowVal::owned(CelInt::from(sign as i64)))
    })?;
    env.add_member_overload(
        "add",
        "quantity_add",
        QUANTITY,
        vec![QUANTITY],
        |arguments: Arguments<'_, '_>| summed(&arguments, Quantity::checked_add),
    )?;
    env.add_member_overload(
        "sub",
        "quantity_sub",
        QUANTITY,
        vec![QUANTITY],
        |arguments: Arguments<'_, '_>| summed(&arguments, Quantity::checked_sub),
    )
}

fn versions(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_member_overload(
        "compareTo",
        "semver_compare_to",
        SEMVER,
        vec![SEMVER],
        |arguments: Arguments<'_, '_>| {
            compared::<SemverValue>(&arguments, |one, two| CelInt::from(one.0.compare(&two.0)).into())
        },
    )?;
    env.add_member_overload(
        "isGreaterThan",
        "semver_is_greater_than",
        SEMVER,
        vec![SEMVER],
        |arguments: Arguments<'_, '_>| {
            compared::<SemverValue>(&arguments, |one, two| CelBool::from(one.0.compare(&two.0) > 0).into())
        },
    )?;
    env.add_member_overload(
        "isLessThan",
        "semver_is_less_than",
        SEMVER,
        vec![SEMVER],
        |arguments: Arguments<'_, '_>| {
            compared::<SemverValue>(&arguments, |one, two| CelBool::from(one.0.compare(&two.0) < 0).into())
        },
    )?;
    env.add_member_overload("major", "semver_major", SEMVER, vec![], |arguments: Arguments<'_, '_>| {
        part(&arguments, 0)
    })?;
    env.add_member_overload("minor", "semver_minor", SEMVER, vec![], |arguments: Arguments<'_, '_>| {
        part(&arguments, 1)
    })?;
    env.add_member_overload("patch", "semver_patch", SEMVER, vec![], |arguments: Arguments<'_, '_>| {
        part(&arguments, 2)
    })
}

fn compared<'b, 'v, T: StaticVal>(
    arguments: &[CowVal<'b, 'v>],
    answer: impl Fn(&T, &T) -> AnyValue,
) -> Told<'b, 'v> {
    let (one, two) = (argument::<T>(arguments, 0)?, argument::<T>(arguments, 1)?);
    Ok(answer(one, two).into_value())
}

/// A boolean or a number.
enum AnyValue {
    Bool(CelBool),
    Int(CelInt),
}

impl From<CelBool> for AnyValue {
    fn from(value: CelBool) -> Self {
        Self::Bool(value)
    }
}

impl From<CelInt> for AnyValue {
    fn from(value: CelInt) -> Self {
        Self::Int(value)
    }
}

impl AnyValue {
    fn into_value<'b, 'v>(self) -> CowVal<'b, 'v> {
        match self {
            Self::Bool(value) => CowVal::owned(value),
            Self::Int(value) => CowVal::owned(value),
        }
    }
}

fn summed<'b, 'v>(
    arguments: &[CowVal<'b, 'v>],
    sum: impl Fn(Quantity, Quantity) -> Option<Quantity>,
) -> Told<'b, 'v> {
    let (one, two) = (argument::<QuantityValue>(arguments, 0)?.0, argument::<QuantityValue>(arguments, 1)?.0);
    sum(one, two)
        .map(|known| CowVal::owned(QuantityValue(known)))
        .ok_or_else(|| ExecutionError::function_error("quantity", "overflow"))
}

fn part<'b, 'v>(arguments: &[CowVal<'b, 'v>], index: usize) -> Told<'b, 'v> {
    let number = argument::<SemverValue>(arguments, 0)?.0.number(index);
    Ok(CowVal::owned(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX))))
}

/// Patterns kept compiled, one set a thread: the interpreter would compile them for each device.
const PATTERNS: usize = 64;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Option<Regex>>> = RefCell::new(HashMap::new());
}

fn matches<'b, 'v>(arguments: Arguments<'b, 'v>) -> Told<'b, 'v> {
    let text = argument::<CelString<'_>>(&arguments, 0)?.inner();
    let pattern = argument::<CelString<'_>>(&arguments, 1)?.inner();
    let found = COMPILED.with_borrow_mut(|compiled| {
        if compiled.len() >= PATTERNS && !compiled.contains_key(pattern) {
            compiled.clear();
        }
        let regex = compiled
            .entry(pattern.to_owned())
            .or_insert_with(|| RegexBuilder::new(pattern).size_limit(REGEX).build().ok());
        regex.as_ref().map(|regex| regex.is_match(text))
    });
    found
        .map(|found| CowVal::owned(CelBool::from(found)))
        .ok_or_else(|| ExecutionError::function_error("matches", "this is no regular expression"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_environment_can_be_built() {
        assert!(super::build().is_ok());
    }
}
