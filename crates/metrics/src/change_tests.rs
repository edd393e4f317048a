use super::*;
use pretty_assertions::assert_eq;
use proptest::prelude::*;

fn samples(values: impl IntoIterator<Item = f64>) -> Vec<Sample> {
    (0..).zip(values).map(|(place, value)| Sample { at: place * 5_000, value }).collect()
}

/// Normal noise with deviation 1, the same on every machine (xorshift, sum of twelve).
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    })
}

fn found(values: impl IntoIterator<Item = f64>) -> Vec<(i64, Direction)> {
    change_points(&samples(values)).iter().map(|change| (change.onset / 5_000, change.direction)).collect()
}

#[test]
fn a_clean_step_is_found_where_it_is_with_both_levels() {
    let values = std::iter::repeat_n(2.0, 30).chain(std::iter::repeat_n(9.0, 19));
    let expected =
        ChangePoint { onset: 150_000, before: 2.0, after: 9.0, direction: Direction::Up, score: 7.0 / 0.09 };
    assert_eq!(change_points(&samples(values)), [expected]);
}

#[test]
fn constants_and_short_series_have_no_change() {
    assert_eq!(found(std::iter::repeat_n(5.0, 100)), []);
    assert_eq!(found(std::iter::repeat_n(0.0, 100)), []);
    assert_eq!(found([1.0, 1.0, 1.0, 9.0, 9.0, 9.0]), []);
    assert_eq!(found([]), []);
}

#[test]
fn noise_has_almost_never_a_change() {
    let wrong =
        (1..=1_000).filter(|seed| !found(noise(*seed).take(60).map(|value| 10.0 + value)).is_empty()).count();
    assert!(wrong <= 2, "{wrong} of 1000 series of pure noise");
}

#[test]
fn slow_waves_and_ramps_are_no_steps() {
    assert_eq!(found((0..100).map(|place| 50.0 + f64::from(place))), []);
    assert_eq!(found((0..100).map(f64::from)), []);
    assert_eq!(found((0..100).map(|place| 10.0 + (f64::from(place) / 16.0).sin())), []);
}

#[test]
fn outliers_are_no_changes_and_do_not_hide_one() {
    let spiked =
        |values: Vec<f64>| (0..).zip(values).map(|(place, value)| if place % 17 == 3 { 1e9 } else { value });
    let flat: Vec<f64> = noise(3).take(60).map(|value| 10.0 + value).collect();
    assert_eq!(found(spiked(flat)), []);
    let step: Vec<f64> =
        (0..60).zip(noise(3)).map(|(place, value)| value + if place < 40 { 10.0 } else { 40.0 }).collect();
    assert_eq!(found(spiked(step)), [(40, Direction::Up)]);
}

#[test]
fn a_pulse_has_a_beginning_and_an_end() {
    let values = (0..90)
        .zip(noise(7))
        .map(|(place, value)| value + if (30..60).contains(&place) { 60.0 } else { 20.0 });
    assert_eq!(found(values), [(30, Direction::Up), (60, Direction::Down)]);
}

#[test]
fn a_smoothed_step_begins_where_it_leaves_the_old_level() {
    let values = (0..60).zip(noise(5)).map(|(place, value)| {
        let share = (f64::from(place - 30) / 12.0).clamp(0.0, 1.0);
        10.0 + value * 0.2 + share * 20.0
    });
    let [(onset, Direction::Up)] = found(values)[..] else { panic!("one change expected") };
    assert!((30..=33).contains(&onset), "{onset}");
}

#[test]
fn what_is_no_number_is_passed_over() {
    let step = |place: i64| if place < 30 { 1.0 } else { 4.0 };
    let holes = (0..60).map(|place| match place % 5 {
        1 => f64::NAN,
        2 => f64::INFINITY,
        _ => step(place),
    });
    assert_eq!(found(holes), [(30, Direction::Up)]);
    assert_eq!(found(std::iter::repeat_n(f64::NAN, 50)), []);
}

#[test]
fn a_gap_is_no_change_and_the_onset_keeps_its_time() {
    let mut gapped = samples((0..40).map(|place| if place < 20 { 1.0 } else { 2.0 }));
    for sample in gapped.iter_mut().skip(25) {
        sample.at += 3_600_000;
    }
    assert_eq!(change_points(&gapped).iter().map(|change| change.onset).collect::<Vec<_>>(), [100_000]);
}

#[test]
fn flicker_between_two_neighbouring_values_is_no_change() {
    let values = noise(11).take(80).map(|value| if value > 0.6 { 0.003 } else { 0.002 });
    assert_eq!(found(values), []);
}

/// A statement about noise is a share, not a certainty: 8 of these 3,992 series are told otherwise.
#[test]
fn a_step_of_eight_deviations_is_found_where_it_is() {
    let places = [8, 9, 15, 24, 33, 40, 48, 51];
    let missed = (1_u64..500)
        .flat_map(|seed| places.map(|at| (seed, at)))
        .filter(|(seed, at)| {
            let values =
                (0..60).zip(noise(*seed)).map(|(place, value)| value + if place < *at { 0.0 } else { 8.0 });
            !matches!(found(values)[..], [(place, Direction::Up)] if (place - at).abs() <= 1)
        })
        .count();
    assert!(missed <= 20, "{missed} of {}", 499 * places.len());
}

proptest! {
    #[test]
    fn any_values_are_taken_and_changes_are_in_order(values in proptest::collection::vec(proptest::num::f64::ANY, 0..120)) {
        let changes = change_points(&samples(values));
        prop_assert!(changes.len() <= 2 * MOST);
        prop_assert!(changes.iter().zip(changes.iter().skip(1)).all(|(one, next)| one.onset < next.onset));
        prop_assert!(changes.iter().all(|change| change.score >= 0.0 && change.score <= HIGHEST_SCORE));
    }

    #[test]
    fn scaling_and_mirroring_keep_the_places(seed in 1_u64..1_000, factor in 0.001_f64..1_000.0) {
        let values: Vec<f64> = (0..60).zip(noise(seed)).map(|(place, value)| value + if place < 25 { 20.0 } else { 60.0 }).collect();
        let places = |values: Vec<f64>| found(values).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
        let plain = places(values.clone());
        prop_assert_eq!(&plain, &places(values.iter().map(|value| value * factor).collect()));
        prop_assert_eq!(&plain, &places(values.iter().map(|value| -value).collect()));
    }
}
