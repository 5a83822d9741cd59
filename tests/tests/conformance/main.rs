//! One shop, two stores: each test here is a promise that both keep, asked through a real server and the SDK. A name
//! says which store: `embedded::sold_out_is_an_answer`.
//!
//! When a test's shop closes, its books are looked at: the embedded store's by AUDIT, a cluster's by comparing what Redis
//! has of each shelf with the sums of the databases.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

mod shop;

mod coupons;
mod delivery;
mod guards;
mod money;
mod orders;
mod sales;
mod stock;

/// Makes each case a test of each store, but for those that one store has nothing for yet.
macro_rules! on_both_stores {
    ($cases:tt but on_embedded_alone $alone:tt) => {
        mod embedded {
            on_both_stores! { Embedded $cases }
            on_both_stores! { Embedded $alone }
        }
        mod cluster {
            on_both_stores! { Cluster $cases }
        }
    };
    ($kind:ident { $( $file:ident: $( $case:ident )+; )+ }) => {
        $($(
            #[test]
            fn $case() {
                let shop = crate::shop::Shop::open(crate::shop::Kind::$kind);
                crate::$file::$case(&shop);
                shop.closes();
            }
        )+)+
    };
}

on_both_stores! {
    {
        orders:
            an_order_is_made_found_and_cancelled
            a_request_asked_again_is_answered_again
            a_request_id_is_one_users_own
            a_request_id_counts_only_within_its_window
            sold_out_is_an_answer
            a_basket_is_all_or_nothing
            the_buyer_pays_what_was_shown_to_him
            an_order_that_costs_nothing_is_confirmed_at_once
            a_cancel_compares_the_version
            an_order_is_its_buyers_own
            lists_go_page_by_page_newest_first
            nobody_pays_and_the_units_come_back
            a_rush_sells_what_there_is_and_no_more
            of_a_batch_each_order_stands_or_falls_alone;
        sales:
            a_sale_has_its_price
            a_sale_has_its_hours
            a_user_buys_so_many_in_a_sale
            an_order_has_so_many_in_a_sale
            a_sale_sells_so_many_in_all
            a_preferred_user_buys_before_the_others;
        money:
            what_is_paid_is_sold
            a_callback_said_twice_changes_nothing
            other_money_than_was_asked_for_is_left_to_people
            a_payment_that_failed_is_tried_again
            money_for_what_the_buyer_cancelled_goes_back
            a_paid_order_is_cancelled_by_a_refund
            no_more_goes_back_than_came;
        stock:
            a_shelf_counts_what_came_and_what_is_held
            the_server_finds_a_warehouse_that_has_it
            units_move_between_warehouses_and_come_back;
        coupons:
            a_coupon_makes_an_order_cheaper_and_comes_back
            a_coupon_is_there_for_so_many;
        guards:
            a_blocked_user_makes_no_orders
            a_switch_stops_new_orders_and_nothing_else
            the_catalogue_is_changed_over_the_version_that_was_seen;
        delivery:
            an_order_is_sent_in_parts_and_arrives
            what_arrived_may_come_back;
    }
    but on_embedded_alone {
        money:
            late_money_buys_again_what_is_still_there;
        stock:
            a_hold_sets_units_aside_until_it_ends
            a_hold_becomes_an_order;
        coupons:
            a_claimed_coupon_is_the_claimants;
    }
}
