// <metal_type_traits>, <metal_numeric> and <metal_uniform>.
#pragma once
#pragma clang system_header

namespace metal {

template <class T, T V> struct integral_constant {
  static constexpr constant T value = V;
  using value_type = T;
  using type = integral_constant;
  constexpr operator T() const { return V; }
};
template <bool B> using bool_constant = integral_constant<bool, B>;
using true_type = bool_constant<true>;
using false_type = bool_constant<false>;

template <class T, class U> struct is_same : bool_constant<__is_same(T, U)> {};
template <class T, class U> constexpr constant bool is_same_v = __is_same(T, U);
template <class T> struct is_integral : bool_constant<__is_integral(T)> {};
template <class T> constexpr constant bool is_integral_v = __is_integral(T);
template <class T> struct is_signed : bool_constant<__is_signed(T)> {};
template <class T> constexpr constant bool is_signed_v = __is_signed(T);
template <class T> struct is_unsigned : bool_constant<__is_unsigned(T)> {};
template <class T> constexpr constant bool is_unsigned_v = __is_unsigned(T);
template <class T> constexpr constant bool is_floating_point_v =
    is_same_v<T, float> || is_same_v<T, half> || is_same_v<T, bfloat>;
template <class T> struct is_floating_point : bool_constant<is_floating_point_v<T>> {};
template <class T> constexpr constant bool is_arithmetic_v =
    is_floating_point_v<T> || is_integral_v<T>;
template <class T> struct is_arithmetic : bool_constant<is_arithmetic_v<T>> {};
template <class T, class U> struct is_convertible : bool_constant<__is_convertible(T, U)> {};
template <class T, class U> constexpr constant bool is_convertible_v = __is_convertible(T, U);

template <bool B, class T = void> struct enable_if {};
template <class T> struct enable_if<true, T> { using type = T; };
template <bool B, class T = void> using enable_if_t = typename enable_if<B, T>::type;
template <bool B, class T, class U> struct conditional { using type = T; };
template <class T, class U> struct conditional<false, T, U> { using type = U; };
template <bool B, class T, class U> using conditional_t = typename conditional<B, T, U>::type;
template <class T> using remove_reference_t = __remove_reference_t(T);
template <class T> using remove_cv_t = __remove_cv(T);
template <class T> struct make_unsigned { using type = __make_unsigned(T); };
template <class T> using make_unsigned_t = __make_unsigned(T);
template <class T> struct remove_addrspace { using type = T; };
template <class T> struct remove_addrspace<device T> { using type = T; };
template <class T> struct remove_addrspace<constant T> { using type = T; };
template <class T> struct remove_addrspace<threadgroup T> { using type = T; };
template <class T> using remove_addrspace_t = typename remove_addrspace<T>::type;

// A value that is the same in all threads; here a promise that nobody checks.
template <class T> struct uniform {
  T value;
  constexpr uniform(T x = T()) : value(x) {}
  constexpr operator T() const { return value; }
};
template <class T> constexpr uniform<T> make_uniform(T x) { return x; }

template <class T> struct numeric_limits {
  static constexpr bool is_signed_type = T(-1) < T(0);
  static constexpr T max() {
    return is_signed_type ? T(((1ull << (sizeof(T) * 8 - 2)) - 1) * 2 + 1) : T(~0ull);
  }
  static constexpr T min() { return is_signed_type ? T(-max() - 1) : T(0); }
  static constexpr T lowest() { return min(); }
};
#define EMU_LIMITS(T, largest, smallest, step) \
  template <> struct numeric_limits<T> { \
    static constexpr T max() { return T(largest); } \
    static constexpr T min() { return T(smallest); } \
    static constexpr T lowest() { return T(-largest); } \
    static constexpr T epsilon() { return T(step); } \
    static constexpr T infinity() { return T(__builtin_inff()); } \
    static constexpr T quiet_NaN() { return T(__builtin_nanf("")); } \
  };
EMU_LIMITS(float, FLT_MAX, FLT_MIN, FLT_EPSILON)
EMU_LIMITS(half, 65504.0f, 6.103515625e-05f, 9.765625e-04f)
EMU_LIMITS(bfloat, 3.38953139e+38f, FLT_MIN, 7.8125e-03f)

}  // namespace metal
